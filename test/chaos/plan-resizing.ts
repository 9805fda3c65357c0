import type { FaultKind, TaskFacts } from './evidence.js';
import type { FaultPlan, Means, RoundPlan } from './plan.js';
import type { ProgramPlan } from './program.js';
import type { Random } from './random.js';

/** What is done to runs that change their size. */
const KINDS: readonly FaultKind[] = [
  ...(['rescale', 'rescale', 'rescale', 'rescale', 'drain', 'drain', 'agent-kill', 'agent-kill', 'agent-freeze', 'control-kill'] as const),
  ...(['server-kill', 'program-kill', 'cell-terminate', 'fleet-terminate', 'reset', 'terminate', 'stop', 'temporal-cut', 'link-cut'] as const),
];
const DRAINED_MS = [1_000, 8_000] as const;
/** A host that flaps is away for so long, twice. */
const FLAPS_MS = [6_000, 8_000] as const;
const ON_RESIZE = ['restart', 'file', 'signal', { signal: 'SIGHUP' }, { exec: 'test -n "$MUSTER_OLD_NODES_IPS" && sleep 0.1' }] as const;
const GROUPS = ['left', 'right'];

/** A round about a run that changes its size, by itself, as somebody wishes or as its hosts come and go. `stands`: how long faults stand. */
export function planResizing(
  random: Random,
  { hosts, kinds }: Means,
  stands: Partial<Record<FaultKind, readonly (readonly [number, number])[]>>,
): Pick<RoundPlan, 'program' | 'facts' | 'task' | 'faults'> {
  const { facts, task } = planTask(random, hosts);
  const possible = KINDS.filter((kind) => kinds.includes(kind));
  const standsFor = (kind: FaultKind) => random.between(...(kind === 'drain' ? DRAINED_MS : random.pick(stands[kind] ?? [[0, 0] as const])));
  const planFault = (): FaultPlan[] => {
    const kind = random.pick(possible);
    const on = random.pick(['submitted', 'started', 'started', 'started', 'started', 'again'] as const);
    // What ends a run leaves it some time to change before.
    const soonest = kind === 'stop' || kind === 'terminate' ? 4_000 : 0;
    const afterMs = soonest + (on === 'started' ? random.between(0, 5_000) : random.between(0, 1_500));
    const fault: FaultPlan = {
      kind,
      on,
      afterMs,
      forMs: standsFor(kind),
      choice: random.between(0, 999),
      ...(random.chance(0.3) ? { host: random.between(0, hosts - 1) } : {}),
    };
    // Some change their mind at once, and again.
    if (kind !== 'rescale' || !random.chance(0.5)) return [fault];
    return [0, 1, 2]
      .slice(0, random.between(2, 3))
      .map((nth) => ({ ...fault, afterMs: afterMs + nth * random.between(20, 500), choice: random.between(0, 999) }));
  };
  const faults = Array.from({ length: random.between(2, 5) }, planFault).flat();
  // A host that joins: nobody could have it when the run began.
  if (random.chance(0.4)) {
    const kind = random.pick(['drain', 'drain', 'agent-kill'] as const);
    faults.push({ kind, on: 'before', afterMs: 0, forMs: random.between(3_000, 9_000), choice: 0, host: random.between(0, hosts - 1) });
  }
  if (random.chance(0.2)) {
    const host = random.between(0, hosts - 1);
    const flap = (afterMs: number): FaultPlan => ({ kind: 'agent-freeze', on: 'started', afterMs, forMs: random.between(...FLAPS_MS), choice: 0, host });
    faults.push(flap(random.between(0, 2_000)), flap(random.between(8_500, 12_000)));
  }
  return { program: planProgram(random), facts, task, faults };
}

function planTask(random: Random, hosts: number): { facts: TaskFacts; task: Record<string, unknown> } {
  const onResize = random.pick(ON_RESIZE);
  const shape = random.pick(['fixed', 'fixed', 'elastic', 'elastic', 'groups'] as const);
  const min = random.between(1, 2);
  const nodes = shape === 'elastic' ? min : random.between(1, hosts - 1);
  const onHostLoss = random.pick(shape === 'elastic' ? (['shrink', 'shrink', 'replace'] as const) : (['replace', 'replace', 'shrink'] as const));
  const spares = onHostLoss === 'replace' && random.chance(0.4) ? 1 : 0;
  const sides = [Math.ceil(nodes / 2), Math.max(1, Math.floor(nodes / 2))];
  const elastic = shape === 'elastic' ? { min, max: random.between(Math.max(min + 1, hosts - 1), hosts) } : null;
  const facts: TaskFacts = {
    ...{ nodes: shape === 'groups' ? sides.reduce((sum, side) => sum + side, 0) : nodes, losses: 10 },
    ...{ scope: random.chance(0.4) ? 'node' : 'all', attempts: random.pick([0, 1, 2, 3, 3]) },
    ...{ hostTimeoutSeconds: random.between(5, 6), stopDurationSeconds: random.between(1, 2), fencing: random.chance(0.1) ? 'strict' : 'reachable' },
    ...{ live: onResize !== 'restart', elastic, spares, ...(shape === 'groups' ? { groups: GROUPS } : {}) },
  };
  const { scope, attempts, losses, hostTimeoutSeconds, stopDurationSeconds, fencing } = facts;
  const size = {
    fixed: { nodes },
    elastic: { nodes: `${min}..${elastic?.max}`, settle: '1s' },
    groups: { groups: GROUPS.map((name, side) => ({ name, nodes: sides[side] })) },
  }[shape];
  const task = {
    ...size,
    ...{ on_resize: onResize, on_host_loss: onHostLoss, stop_duration: stopDurationSeconds, host_timeout: hostTimeoutSeconds, fencing },
    ...{ queue_timeout: 30, gather_timeout: 30, restart: { scope, attempts, losses, backoff: 1 }, ...(spares > 0 ? { spares } : {}) },
  };
  return { facts, task };
}

/** Most of them wait to be told, so that there is something to change. */
function planProgram(random: Random): ProgramPlan {
  const waits = random.chance(0.85);
  return { ticks: [waits ? 3_000 : random.between(30, 60)], codes: {}, stubborn: random.chance(0.3), helper: random.chance(0.3), reads: true };
}
