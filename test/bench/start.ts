import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { controlQueue } from '../../spec/ids.js';
import { readMoments } from './history.js';
import { type StackPlan, startBenchStack } from './stack.js';

/** One run of the bench. Times are milliseconds from the call that submits. */
export interface StartSample {
  /** As in the task; `default` where the task does not say. */
  preflight: string;
  nodes: number;
  submit_to_all_started_ms: number;
  skew_ms: number;
  granted_ms: number;
  gathered_ms: number;
  sealed_ms: number;
  events: number;
  history_bytes: number;
}

/** Runs before the first that counts: a control worker lives for weeks, and its code is compiled by then. */
const WARM_UPS = 3;

/** From submit to the last program's start, so many times after the warm-ups, and the split by step; the ways of `preflight` take turns. */
export async function benchStart(
  nodes: number,
  how: { repeat: number; agents: StackPlan['agents']; preflights: readonly string[] },
  emit: (sample: StartSample) => Promise<void>,
): Promise<void> {
  const stack = await startBenchStack({ nodes, agents: how.agents, database: 'memory' });
  try {
    for (let i = 0; i < WARM_UPS + how.repeat; i++) {
      for (const preflight of how.preflights) {
        await spares(stack.dir, nodes);
        const sample = await once(stack.client, join(stack.dir, `started-${i}`), nodes, preflight);
        if (i >= WARM_UPS) await emit(sample);
      }
    }
  } finally {
    await stack.stop();
  }
}

/** Waits until each agent has forked its next shim ahead, as it does between two runs. */
async function spares(dir: string, nodes: number): Promise<void> {
  const end = Date.now() + 120_000;
  const ready = (host: number) => {
    const root = join(dir, `host-${host}`, 'spare');
    return existsSync(root) && readdirSync(root).some((name) => existsSync(join(root, name, 'shim.json')));
  };
  while (!Array.from({ length: nodes }, (_, i) => i + 1).every(ready)) {
    if (Date.now() > end) throw new Error('not all agents have a spare shim');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function once(client: Client, file: string, nodes: number, preflight: string): Promise<StartSample> {
  rmSync(file, { force: true });
  const workflowId = `bench-${randomUUID()}`;
  const submittedMs = Date.now();
  const handle = await client.workflow.start('musterRun', {
    ...{ workflowId, taskQueue: controlQueue('default') },
    args: [{ name: 'bench', nodes, shell: 'sh', commands: [`date +%s%N >> ${file}`, 'sleep 0.2'], ...(preflight === 'default' ? {} : { preflight }) }],
  });
  await handle.result();
  const startedMs = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line) / 1e6);
  if (startedMs.length !== nodes) throw new Error(`${startedMs.length} of ${nodes} programs started`);
  const last = Math.max(...startedMs);
  const moments = await readMoments(client, workflowId);
  const since = (atMs: number | undefined) => Math.round((atMs ?? Number.NaN) - submittedMs);
  return {
    ...{ nodes, preflight },
    submit_to_all_started_ms: Math.round(last - submittedMs),
    skew_ms: Math.round(last - Math.min(...startedMs)),
    granted_ms: since(moments.heard('hostsGranted').at(0)?.atMs),
    gathered_ms: since(moments.heard('cellGathered').at(0)?.atMs),
    sealed_ms: since(moments.told('rosterSealed').at(0)),
    events: moments.events,
    history_bytes: moments.bytes,
  };
}
