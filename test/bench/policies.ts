import { findCarriers } from '../../activities/process/terminate.js';
import { cookiePrefix } from '../../spec/ids.js';
import type { RunStatus } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import type { Sample } from './medians.js';
import { type BenchStack, startBenchStack, untilHosts } from './stack.js';

const NODES = 4;
const STEADY_MS = 3_000;
const LIMIT_MS = 120_000;
/** The host that is lost: not the one of rank 0, as most are not. */
const VICTIM_RANK = 1;

/** What a task of four nodes says of a lost host, how many hosts there are, and what is to become of it. */
interface Policy {
  policy: string;
  task: { range?: string } & Record<string, unknown>;
  hosts: number;
  /** How many nodes go on without the host; 0: the run fails; null: it waits for the host. */
  without: number | null;
}

const shrink = { range: `2..${NODES}`, settle: '5s', on_host_loss: 'shrink' };
const replace = { on_host_loss: 'replace' };
const POLICIES: Policy[] = [
  { policy: 'fail', task: { on_host_loss: 'fail' }, hosts: NODES, without: 0 },
  { policy: 'shrink', task: { ...shrink, on_resize: 'file' }, hosts: NODES, without: NODES - 1 },
  { policy: 'shrink', task: { ...shrink, on_resize: 'restart' }, hosts: NODES, without: NODES - 1 },
  { policy: 'replace, none free', task: { ...replace, on_resize: 'file' }, hosts: NODES, without: NODES - 1 },
  { policy: 'replace, none free', task: { ...replace, on_resize: 'restart' }, hosts: NODES, without: null },
  { policy: 'replace, one free', task: { ...replace, on_resize: 'file' }, hosts: NODES + 1, without: NODES },
  { policy: 'replace, one free', task: { ...replace, on_resize: 'restart' }, hosts: NODES + 1, without: NODES },
  { policy: 'replace, a spare', task: { ...replace, on_resize: 'file', spares: 1 }, hosts: NODES + 1, without: NODES },
  { policy: 'replace, a spare', task: { ...replace, on_resize: 'restart', spares: 1 }, hosts: NODES + 1, without: NODES },
];

/**
 * The agent of one host and all of a run there are killed with -9, and the agent is started again once the run has made the best of it. Times are milliseconds:
 * `without_ms` from the fault until the run goes on, or has failed; `back_ms` from the agent's start until the run has all its nodes; -1 where there is no such moment.
 */
export async function benchPolicies({ hostTimeout }: { hostTimeout: string }, emit: (sample: Sample) => void): Promise<void> {
  for (const hosts of new Set(POLICIES.map((policy) => policy.hosts))) {
    const stack = await startBenchStack({ nodes: hosts, agents: 'apart', database: 'memory' });
    try {
      for (const policy of POLICIES.filter((each) => each.hosts === hosts)) {
        const onResize = String(policy.task['on_resize'] ?? '–');
        emit({ bench: 'policies', policy: policy.policy, on_resize: onResize, host_timeout: hostTimeout, ...(await once(stack, policy, hostTimeout)) });
      }
    } finally {
      await stack.stop();
    }
  }
}

async function once(stack: BenchStack, { task, without, hosts }: Policy, hostTimeout: string): Promise<Sample> {
  const gang = await Gang.start(stack, { ...task, nodes: NODES, host_timeout: hostTimeout });
  if (task['spares']) await untilHosts(stack.client, 'held', hosts);
  await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
  const before = gang.starts();
  const victim = before.find(({ rank }) => rank === VICTIM_RANK);
  const host = stack.hosts.find(({ name }) => name === victim?.host);
  if (!host) throw new Error(`no host has rank ${VICTIM_RANK}`);
  const faultMs = Date.now();
  await host.agent.kill('SIGKILL');
  for (const { pid } of findCarriers(cookiePrefix(gang.runId, host.name))) process.kill(pid, 'SIGKILL');
  const goesOn = (nodes: number) => (status: RunStatus) =>
    nodes === 0 ? status.phase === 'failed' : status.phase === 'running' && status.generation > 1 && status.nodes.length === nodes;
  const isLost = ({ losses }: RunStatus) => losses > 0;
  await until(() => gang.status(), without === null ? isLost : goesOn(without), LIMIT_MS);
  const withoutMs = without === null ? -1 : Date.now() - faultMs;
  const backMs = Date.now();
  host.agent.start();
  const isShort = without !== null && without > 0 && without < NODES;
  if (without === null || isShort) await until(() => gang.status(), goesOn(NODES), LIMIT_MS);
  const grownMs = without === null || isShort ? Date.now() - backMs : -1;
  const stayed = before.filter((start) => start.host !== host.name).map((start) => start.host);
  const restarted = new Set(
    gang
      .starts()
      .filter((start) => start.startNumber > 1 && stayed.includes(start.host))
      .map((start) => start.host),
  ).size;
  if (without !== 0) await gang.cancel();
  await untilHosts(stack.client, 'free', hosts);
  return { nodes: NODES, hosts, without_nodes: without ?? -1, without_ms: withoutMs, back_ms: grownMs, restarted };
}
