import type { FaultKind, TaskFacts } from './evidence.js';
import { planResizing } from './plan-resizing.js';
import type { ProgramPlan } from './program.js';
import { Random, seedOfRound } from './random.js';

/** What is to happen in a round; the same for the same seed and the same machines. */
export interface RoundPlan {
  seed: number;
  round: number;
  theme: Theme | 'resize';
  program: ProgramPlan;
  facts: TaskFacts;
  /** The task file's object, without what the program needs. */
  task: Record<string, unknown>;
  faults: FaultPlan[];
}

export interface FaultPlan {
  kind: FaultKind;
  /** What has to be seen first, and how long after that it comes. */
  on: 'before' | 'submitted' | 'started' | 'exited' | 'again';
  afterMs: number;
  /** How long it stands. */
  forMs: number;
  /** A number for whatever there is to choose between when the time has come. */
  choice: number;
  /** Which of all hosts, where it is not to be one of the run's. */
  host?: number;
}

/** What machines can be done to. */
export interface Means {
  hosts: number;
  kinds: readonly FaultKind[];
}

type Theme = keyof typeof THEMES;

/** What a round is about. Without something to lose a host by, nothing may be lost. */
const THEMES = {
  control: ['agent-kill', 'agent-kill', 'control-kill', 'control-freeze', 'server-kill', 'server-kill', 'server-freeze', 'cell-terminate', 'fleet-terminate'],
  late: ['stale-signal', 'stale-signal', 'late-activity', 'late-activity', 'late-activity', 'program-kill', 'agent-kill', 'reset'],
  loss: ['agent-freeze', 'agent-freeze', 'agent-kill', 'data-loss', 'temporal-cut', 'program-kill', 'link-cut', 'link-block'],
  program: ['program-kill', 'program-kill', 'program-freeze', 'shim-kill', 'disk-full', 'agent-kill', 'control-kill'],
  operator: ['terminate', 'cancel', 'reset', 'reset', 'stop', 'stop', 'rescale', 'agent-kill', 'program-kill', 'server-kill'],
  alone: ['temporal-cut', 'link-cut', 'agent-freeze'],
  anything: [
    ...([
      'agent-kill',
      'agent-freeze',
      'control-kill',
      'control-freeze',
      'server-kill',
      'server-freeze',
      'program-kill',
      'program-freeze',
      'shim-kill',
    ] as const),
    ...(['disk-full', 'data-loss', 'temporal-cut', 'terminate', 'cancel', 'reset', 'stop', 'rescale', 'cell-terminate', 'fleet-terminate'] as const),
    ...(['stale-signal', 'late-activity', 'link-cut', 'link-block'] as const),
  ],
} as const satisfies Record<string, readonly FaultKind[]>;

const TURNS: readonly Theme[] = ['control', 'control', 'late', 'late', 'loss', 'loss', 'program', 'operator', 'operator', 'alone', 'anything', 'anything'];

const RESIZING = 0x51ce;
const RESIZING_SHARE = 0.25;

/** How long a fault stands, in ms. Of an agent: mostly shorter than any host may be silent. */
const STANDS: Partial<Record<FaultKind, readonly (readonly [number, number])[]>> = {
  'agent-kill': [
    [0, 1_500],
    [0, 1_500],
    [6_000, 11_000],
  ],
  'agent-freeze': [
    [500, 2_500],
    [6_000, 12_000],
  ],
  'control-kill': [[300, 4_000]],
  'control-freeze': [[500, 6_000]],
  'server-kill': [[500, 8_000]],
  'server-freeze': [[500, 8_000]],
  'program-freeze': [[500, 3_000]],
  'disk-full': [[500, 2_500]],
  'data-loss': [[0, 2_000]],
  'temporal-cut': [
    [500, 3_000],
    [6_000, 12_000],
  ],
  'link-cut': [[2_000, 12_000]],
  'link-block': [[2_000, 12_000]],
};

/** `always`: every round is about that. */
export function planRound(seed: number, round: number, { hosts, kinds }: Means, always?: 'resize'): RoundPlan {
  // With a stream of its own: the rounds of all other themes are as they were before there was this one.
  const isResizing = new Random(seedOfRound(seed ^ RESIZING, round)).chance(RESIZING_SHARE);
  if (isResizing || always === 'resize')
    return { seed, round, theme: 'resize', ...planResizing(new Random(seedOfRound(seed ^ RESIZING, round + 1)), { hosts, kinds }, STANDS) };
  const random = new Random(seedOfRound(seed, round));
  const theme = random.pick(TURNS);
  const possible = THEMES[theme].filter((kind) => kinds.includes(kind));
  const alone = theme === 'alone';
  const facts = planTask(random, theme, hosts);
  const faults = possible.length === 0 ? [] : Array.from({ length: alone ? 1 : random.between(1, 5) }, () => planFault(random, random.pick(possible), alone));
  if (theme === 'late') makeLate(random, faults);
  const { nodes, scope, attempts, hostTimeoutSeconds, stopDurationSeconds, fencing } = facts;
  // Whoever may lose a host may take another.
  const replace = random.chance(0.7) || alone;
  const task = {
    ...{ nodes, stop_duration: stopDurationSeconds, host_timeout: hostTimeoutSeconds, fencing, queue_timeout: 30, gather_timeout: 30 },
    ...{ restart: attempts === 0 && !replace ? 0 : { scope, attempts, losses: facts.losses, backoff: 1 }, on_host_loss: replace ? 'replace' : 'fail' },
  };
  return { seed, round, theme, program: planProgram(random, facts, alone || theme === 'late'), facts, task, faults };
}

function planTask(random: Random, theme: Theme, hosts: number): TaskFacts {
  const alone = theme === 'alone';
  return {
    nodes: alone || random.chance(0.15) ? 1 : random.between(2, random.chance(0.4) ? hosts : hosts - 1),
    scope: theme !== 'late' && random.chance(0.35) ? 'node' : 'all',
    attempts: theme === 'late' ? 3 : random.pick([0, 1, 2, 3, 3]),
    losses: 10,
    hostTimeoutSeconds: random.between(5, 6),
    stopDurationSeconds: random.between(1, 2),
    fencing: alone || random.chance(0.15) ? 'strict' : 'reachable',
  };
}

/** Half of the programs end well by themselves at once or after a restart; the others wait to be told. */
function planProgram(random: Random, { nodes }: TaskFacts, mustWait: boolean): ProgramPlan {
  const waits = mustWait || random.chance(0.4);
  const ticks = Array.from({ length: nodes }, () => (waits ? 3_000 : random.between(8, 30)));
  const codes: Record<string, number> = {};
  for (let failing = random.pick([0, 0, 1, 2]); failing > 0; failing--) {
    codes[`${random.between(1, 2)}.${random.between(0, nodes - 1)}`] = random.pick([1, 3, 7, 42, 126]);
  }
  return { ticks, codes: waits ? {} : codes, stubborn: random.chance(0.3), helper: random.chance(0.4) };
}

function planFault(random: Random, kind: FaultKind, alone: boolean): FaultPlan {
  const on = alone ? 'started' : random.pick(['submitted', 'submitted', 'started', 'started', 'started', 'exited', 'again'] as const);
  const afterMs = on === 'submitted' ? random.between(0, 500) : on === 'started' ? random.between(0, 4_000) : random.between(0, 1_500);
  const [from, to] = alone && kind !== 'agent-freeze' ? [20_000, 23_000] : random.pick(STANDS[kind] ?? [[0, 0]]);
  return { kind, on, afterMs: alone ? 500 : afterMs, forMs: random.between(from, to), choice: random.between(0, 999) };
}

/** What is late has to be of an older generation: a program is killed first, and the rest comes when all have started again. */
function makeLate(random: Random, faults: FaultPlan[]): void {
  for (const fault of faults) Object.assign(fault, { on: 'again', afterMs: random.between(0, 2_500) });
  faults.unshift({ kind: 'program-kill', on: 'started', afterMs: random.between(100, 1_200), forMs: 0, choice: random.between(0, 999) });
}

/** One line for people. */
export function describePlan({ seed, round, theme, task, program, faults }: RoundPlan): string {
  const what = faults.map(({ kind, on, afterMs, forMs, choice }) => `${kind}#${choice} ${on}+${afterMs}${forMs > 0 ? ` for ${forMs}` : ''}`);
  return `round ${round} of seed ${seed}, ${theme}: ${JSON.stringify(task)} ${JSON.stringify(program)} faults: ${what.join(', ')}`;
}
