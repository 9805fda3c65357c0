import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetWorkflowId } from '../../spec/ids.js';
import { rescale } from '../../spec/messages.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { median, type Sample } from './medians.js';
import { type BenchStack, startBenchStack, untilHosts } from './stack.js';

const LIMIT_MS = 120_000;
/** How often there is a sample. */
const SAMPLES = 10;

export interface GenerationsPlan {
  nodes: number;
  /** How many changes of the list. */
  generations: number;
  onResize: string;
}

/**
 * A gang that grows by one node and shrinks by one, in turn, so often; what that costs as it goes on. `events` and `kb`: the longest history of the run, its cells
 * and the fleet as it is then; `agent_mb`: resident memory, the median over the agents and the largest; `files`: under the data directory of a host that stays, and of the one that
 * comes and goes. The last sample is of the time after the run.
 */
export async function benchGenerations({ nodes, generations, onResize }: GenerationsPlan, emit: (sample: Sample) => void): Promise<void> {
  const stack = await startBenchStack({ nodes: nodes + 1, agents: 'apart', database: 'memory' });
  try {
    const gang = await Gang.start(stack, { nodes, on_resize: onResize, stop_duration: 5 });
    const sample = async (at: number | string) => emit({ bench: 'generations', on_resize: onResize, at, ...(await measure(stack, gang)) });
    await sample(0);
    for (let i = 1; i <= generations; i++) {
      await change(stack, gang, nodes + (i % 2));
      if (i % Math.max(1, Math.floor(generations / SAMPLES)) === 0) await sample(i);
    }
    const { restarts, losses } = await gang.status();
    if (restarts + losses > 0) throw new Error(`${restarts} restarts and ${losses} losses`);
    await gang.cancel();
    await untilHosts(stack.client, 'free', nodes + 1);
    await sample('end');
  } finally {
    await stack.stop();
  }
}

async function change({ client }: BenchStack, gang: Gang, nodes: number): Promise<void> {
  const { id } = await client.workflow.getHandle(gang.handle).executeUpdate(rescale, { args: [{ nodes }] });
  await until(
    () => gang.status(),
    ({ resizes, phase }) => phase === 'running' && resizes.some((seen) => seen.id === id && seen.state === 'done'),
    LIMIT_MS,
  );
}

async function measure({ client, control, hosts, dir }: BenchStack, gang: Gang): Promise<Sample> {
  const { generation } = await gang.status();
  const histories: { events: number; bytes: number }[] = [];
  const query = `WorkflowId = '${gang.handle}' OR WorkflowId STARTS_WITH '${gang.handle}' OR WorkflowId = '${fleetWorkflowId('default')}'`;
  let executions = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const { historyLength, historySize = 0 } = await client.workflow.getHandle(workflowId, runId).describe();
    histories.push({ events: historyLength, bytes: historySize });
    executions++;
  }
  const memory = hosts.map(({ agent }) => residentMb(agent.pid));
  const files = hosts.map(({ name }) => filesUnder(join(dir, name)));
  return {
    generation,
    executions,
    events: Math.max(...histories.map(({ events }) => events)),
    kb: Math.round(Math.max(...histories.map(({ bytes }) => bytes)) / 1024),
    control_mb: residentMb(control.pid),
    agent_mb: median(memory),
    largest_agent_mb: Math.max(...memory),
    files_staying: files[0] ?? 0,
    files_coming: files.at(-1) ?? 0,
  };
}

function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 'NaN';
  return Math.round(Number(kb) / 1024);
}

function filesUnder(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).length;
}
