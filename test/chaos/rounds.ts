import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { playRound, type RoundResult } from './driver.js';
import type { FaultKind } from './evidence.js';
import { cellsOf } from './histories.js';
import { LoopbackStack } from './loopback-stack.js';
import { startNetworkedStack } from './networked-stack.js';
import { describePlan, planRound, type RoundPlan } from './plan.js';
import { Random, seedOfRound } from './random.js';
import type { Stack } from './stack.js';

/** A stack is used for so many rounds. */
const ROUNDS_A_STACK = 8;

export interface Wish {
  seed: number;
  /** Which rounds. */
  rounds: readonly number[];
  /** Every so many rounds are on a network of machines; null: none. */
  networkedEvery: number | null;
  /** The second octet of the loopback addresses: whoever runs beside this one takes another. */
  net: number;
  /** What every round is to be about. */
  theme?: 'resize';
  /** The command line to run, if it is another than this tree's. */
  main?: string;
  /** Where the evidence of violations goes. */
  evidenceDir: string;
  say: (line: string) => void;
  /** Asked after each round, with how many violations there were: no other is to begin. */
  isEnough?: (violations: number) => boolean;
}

/** What came of some rounds. */
export interface Figures {
  rounds: number;
  seed: number;
  faults: Partial<Record<FaultKind, number>>;
  violations: number;
  longestRecoveryS: number;
  crashes: number;
  seconds: number;
}

/** Plays rounds one after the other, on few stacks. */
export async function playRounds(wish: Wish): Promise<Figures> {
  const startedMs = performance.now();
  const figures: Figures = { rounds: 0, seed: wish.seed, faults: {}, violations: 0, longestRecoveryS: 0, crashes: 0, seconds: 0 };
  const stacks = new Stacks(wish);
  try {
    for (const round of wish.rounds) {
      const stack = await stacks.forRound(round);
      const plan = planRound(wish.seed, round, { hosts: stack.hosts.length, kinds: stack.kinds }, wish.theme);
      wish.say(describePlan(plan));
      const result = await playRound(stack, plan).catch((error: unknown) => String(error));
      if (typeof result === 'string') {
        // Also what the driver waits for in vain is promised: an agent that comes up, a run that begins.
        figures.rounds++;
        figures.violations++;
        wish.say(`  VIOLATED the round could not be played to its end: ${result}`);
        await stacks.drop(stack);
        continue;
      }
      count(figures, result);
      for (const crash of stack.crashes()) {
        figures.crashes++;
        wish.say(`  by itself: ${crash}`);
      }
      wish.say(`  ${summary(result)}`);
      if (result.violations.length > 0) await report(wish, stack, plan, result, stacks);
      if (wish.isEnough?.(figures.violations)) break;
    }
  } finally {
    await stacks.stop();
  }
  figures.seconds = Math.round((performance.now() - startedMs) / 1000);
  return figures;
}

/** The stacks that rounds are played on, at most one of a kind at a time. How many hosts they have follows from seed and round alone. */
class Stacks {
  readonly #current = new Map<'network' | 'loopback', { block: number; stack: Stack }>();

  constructor(private readonly wish: Wish) {}

  async forRound(round: number): Promise<Stack> {
    const { seed, networkedEvery, net, main } = this.wish;
    const kind = networkedEvery !== null && round % networkedEvery === networkedEvery - 1 ? 'network' : 'loopback';
    const block = Math.floor(round / (kind === 'network' ? ROUNDS_A_STACK * (networkedEvery ?? 1) : ROUNDS_A_STACK));
    const known = this.#current.get(kind);
    if (known?.block === block) return known.stack;
    if (known) await this.drop(known.stack);
    const hosts = new Random(seedOfRound(seed, -1 - block)).between(3, 6);
    const stack = kind === 'network' ? await startNetworkedStack(Math.min(hosts, 4)) : await LoopbackStack.start(hosts, net, main);
    this.#current.set(kind, { block, stack });
    return stack;
  }

  /** It is not used again. */
  async drop(stack: Stack): Promise<void> {
    for (const [kind, known] of this.#current) if (known.stack === stack) this.#current.delete(kind);
    await stack.stop();
  }

  async stop(): Promise<void> {
    for (const { stack } of [...this.#current.values()]) await this.drop(stack);
  }
}

/** Keeps the evidence; a stack on which something was violated is not used again. */
async function report({ seed, evidenceDir, theme, say }: Wish, stack: Stack, plan: RoundPlan, result: RoundResult, stacks: Stacks): Promise<void> {
  const dir = await keepEvidence(stack, plan, result, evidenceDir);
  for (const violation of result.violations) say(`  VIOLATED ${violation}`);
  say(`  evidence: ${dir}; repeat with --seed ${seed} --only ${plan.round}${theme === undefined ? '' : ` --theme ${theme}`}`);
  await stacks.drop(stack);
}

function count(figures: Figures, { evidence, violations, recoveryS }: RoundResult): void {
  figures.rounds++;
  figures.violations += violations.length;
  figures.longestRecoveryS = Math.max(figures.longestRecoveryS, Math.round(recoveryS * 10) / 10);
  for (const { kind, done } of evidence.faults) if (done) figures.faults[kind] = (figures.faults[kind] ?? 0) + 1;
}

function summary({ evidence: { run, lines, faults }, recoveryS, tookS }: RoundResult): string {
  const generations = new Set(lines.filter(({ event }) => event === 'start').map(({ generation }) => generation)).size;
  const made = faults.map(({ kind, what, done }) => `${kind}${done ? '' : ' (not done)'}${what === '' ? '' : ` ${what.slice(0, 80)}`}`).join('; ');
  const { restarts = 0, losses = 0, reason = '' } = run.status ?? {};
  return `${run.handle} ${run.end} (${reason}), ${generations} generations, ${restarts} restarts, ${losses} losses, recovery ${recoveryS.toFixed(1)} s, took ${tookS.toFixed(0)} s: ${made}`;
}

/** Everything by which the cause can be found, as files. */
async function keepEvidence(stack: Stack, plan: RoundPlan, { evidence, violations }: RoundResult, root: string): Promise<string> {
  const dir = join(root, `seed-${plan.seed}-round-${plan.round}`);
  mkdirSync(dir, { recursive: true });
  const write = (name: string, value: unknown) => writeFileSync(join(dir, name), typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  const { lines, ...rest } = evidence;
  write('violations.txt', `${describePlan(plan)}\n${violations.join('\n')}\n`);
  write('evidence.json', rest);
  write('journal.txt', lines.map((line) => Object.values(line).join(' ')).join('\n'));
  const cells = await cellsOf(stack.client, evidence.run.handle).catch(() => []);
  for (const id of [evidence.run.handle, ...cells, fleetWorkflowId('default')]) {
    const history = await stack.client.workflow
      .getHandle(id)
      .fetchHistory()
      .catch(() => undefined);
    if (history) write(`${id}.history.json`, historyToJSON(history));
  }
  const logs = join(stack.dir, 'logs');
  if (existsSync(logs)) cpSync(logs, join(dir, 'logs'), { recursive: true });
  return dir;
}
