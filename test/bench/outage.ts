import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { countHeard } from './heard.js';
import { readMoments } from './history.js';
import type { Sample } from './medians.js';
import { type BenchStack, startBenchStack } from './stack.js';

const STEADY_MS = 3_000;
/** Not for ever, but longer than any patience. */
const HEARD_LIMIT_MS = 200_000;

export interface OutagePlan {
  nodes: number;
  seconds: number;
  hostTimeout: string;
  repeat: number;
}

/**
 * The server is killed with -9, and started again on the same file after so many seconds, under a running gang. Half of the
 * programs end while the server is gone, the others after all are heard again; half of each with code 0, the others with their rank. Throws unless it stays one
 * generation without a restart or a loss, and every code arrives. `all_heard_ms`: from the server's return until every node that still runs has beaten; `codes_ms`: until the codes of the ended
 * ones were known; `silent`: how many nodes were called silent; `settled_ms`: until none was.
 */
export async function benchOutage({ nodes, seconds, hostTimeout, repeat }: OutagePlan, emit: (sample: Sample) => void): Promise<void> {
  const stack = await startBenchStack({ nodes, agents: 'apart', database: 'file' });
  try {
    for (let i = 0; i < repeat; i++) {
      const sample = await once(stack, { nodes, seconds, hostTimeout });
      emit({ bench: 'outage', nodes, seconds, host_timeout: hostTimeout, ...sample });
    }
  } finally {
    await stack.stop();
  }
}

async function once(stack: BenchStack, { nodes, seconds, hostTimeout }: Omit<OutagePlan, 'repeat'>): Promise<Sample> {
  const ranks = Array.from({ length: nodes }, (_, rank) => rank);
  const fifo = (rank: number) => join(stack.dir, `end-${rank}`);
  execFileSync('rm', ['-f', ...ranks.map(fifo)]);
  execFileSync('mkfifo', ranks.map(fifo));
  const restart = { attempts: 3, rules: [{ exit_codes: ['1..100'], do: 'ignore' }] };
  const task = { nodes, host_timeout: hostTimeout, on_host_loss: 'replace', restart };
  const gang = await Gang.start(stack, task, `read code < ${join(stack.dir, 'end-')}$DSTACK_NODE_RANK; exit $code`);
  const codeOf = (rank: number) => (rank % 2 === 0 ? 0 : rank);
  const end = (rank: number) => writeFile(fifo(rank), `${codeOf(rank)}\n`);
  await sleep(STEADY_MS);

  await stack.server.kill();
  await sleep(seconds * 500);
  const early = ranks.filter((rank) => rank % 4 >= 2);
  await Promise.all(early.map(end));
  await sleep(seconds * 500);
  const startedMs = Date.now();
  await stack.server.startAgain();
  const backMs = Date.now();
  const running = nodes - early.length;
  await until(() => countHeard(stack.client, gang.handle, backMs), running, HEARD_LIMIT_MS);
  const heardMs = Date.now();
  const codes = async () => (await gang.status()).nodes.flatMap(({ rank, exitCode }) => (exitCode === null ? [] : [[rank, exitCode]]));
  await until(
    codes,
    early.map((rank) => [rank, codeOf(rank)]),
    HEARD_LIMIT_MS,
  );
  const codesMs = Date.now();
  await until(async () => (await gang.status()).nodes.filter(({ state }) => state === 'silent').length, 0, HEARD_LIMIT_MS);
  const settledMs = Date.now();

  // What is decided late is decided within the silence that a host is allowed.
  await sleep(Number.parseInt(hostTimeout, 10) * 1000 + STEADY_MS);
  await Promise.all(ranks.filter((rank) => !early.includes(rank)).map(end));
  const { generation, restarts, losses, nodes: ended } = await untilPhase(stack.client, gang.handle, 'succeeded', 60_000);
  const wrong = ended.filter(({ rank, exitCode, startNumber }) => exitCode !== codeOf(rank ?? 0) || startNumber !== 1);
  if (generation !== 1 || restarts !== 0 || losses !== 0 || wrong.length > 0) {
    throw new Error(`generation ${generation}, ${restarts} restarts, ${losses} losses; wrong: ${JSON.stringify(wrong)}`);
  }
  const moments = await readMoments(stack.client, gang.handle);
  const silent = moments.heard('nodesSilent').flatMap(({ message }) => (message['state'] === 'silent' ? (message['hosts'] as string[]) : []));
  return {
    ...{ generation, restarts, losses, server_start_ms: backMs - startedMs, all_heard_ms: heardMs - backMs, codes_ms: codesMs - backMs },
    ...{ silent: new Set(silent).size, silences: silent.length, settled_ms: settledMs - backMs },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
