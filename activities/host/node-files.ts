import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cookie } from '../../spec/ids.js';
import type { StartReason } from '../../spec/nodes.js';
import { nodesIps, type Roster, type RosterNode } from '../../spec/roster.js';
import { renderTemplates } from '../../spec/task/template.js';
import { writeLaunch } from '../process/launch.js';
import type { Agent } from './agent.js';
import { scriptOf } from './script.js';
import { type StartRecord, startDir } from './store.js';
import { workingDir } from './working-dir.js';

/**
 * Writes what a node is started with: the script, its environment, the list, the roster and the MPI host file.
 * Nobody reads them before the release.
 */
export async function writeNodeFiles(agent: Agent, record: StartRecord, reason: StartReason, bytes: string): Promise<void> {
  const roster = JSON.parse(bytes) as Roster;
  const dir = startDir(agent.dataDir, record.run.runId, record.startNumber);
  const self = roster.nodes.find(({ host }) => host === agent.host);
  if (!self) throw new Error(`the roster of generation ${roster.generation} does not name ${agent.host}`);
  const work = workingDir(agent.dataDir, record.run.runId, record.program);
  mkdirSync(work, { recursive: true });

  const files = { hostfile: join(dir, 'hostfile'), nodes: join(dir, 'nodes'), roster: join(dir, 'roster.json') };
  const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o644 });
  write(files.nodes, nodesIps(roster));
  write(files.roster, JSON.stringify(rosterFile(roster, self)));
  write(files.hostfile, roster.nodes.map(({ address, gpus }) => (gpus > 0 ? `${address} slots=${gpus}\n` : `${address}\n`)).join(''));
  const env: Record<string, string> = {
    ...interfaceVariables(self),
    ...(record.program.dialects.includes('torch') ? torchVariables(roster, self) : {}),
    ...record.program.env,
    ...contract(agent, record, roster, self, reason),
    DSTACK_MPI_HOSTFILE: files.hostfile,
    DSTACK_WORKING_DIR: work,
    ...(record.program.repo === null ? {} : { DSTACK_REPO_DIR: join(work, record.program.repo.path) }),
    MUSTER_NODES_FILE: files.nodes,
    MUSTER_ROSTER_FILE: files.roster,
  };
  const { shell, commands, nodesEnv } = record.program;
  if (nodesEnv === 'file') delete env['DSTACK_NODES_IPS'];
  await writeLaunch(dir, { env, workingDir: work, shell, script: renderTemplates(scriptOf(commands, shell), groupsOf(roster)) });
}

function contract(agent: Agent, record: StartRecord, roster: Roster, self: RosterNode, reason: StartReason): Record<string, string> {
  const { run, startNumber } = record;
  return {
    DSTACK_NODES_IPS: nodesIps(roster),
    DSTACK_MASTER_NODE_IP: roster.nodes[0]?.address ?? '',
    DSTACK_NODE_RANK: String(self.rank),
    DSTACK_NODES_NUM: String(roster.nodes.length),
    DSTACK_GPUS_PER_NODE: String(self.gpus),
    DSTACK_GPUS_NUM: String(roster.nodes.reduce((sum, node) => sum + node.gpus, 0)),
    DSTACK_RUN_NAME: run.name,
    DSTACK_RUN_ID: run.runId,
    MUSTER_NODE_IP: self.address,
    MUSTER_NODE_INTERFACE: self.interface,
    MUSTER_HOST: agent.host,
    MUSTER_NODE_ID: self.id,
    MUSTER_GENERATION: String(roster.generation),
    MUSTER_START_NUMBER: String(startNumber),
    MUSTER_START_REASON: reason,
    MUSTER_SOCKET: agent.socketPath,
    MUSTER_COOKIE: cookie(run.runId, agent.host, startNumber),
  };
}

/** `=eth1` is NCCL's exact match; Gloo takes the plain name. The user's own `env` goes before both. */
function interfaceVariables(self: RosterNode): Record<string, string> {
  return { NCCL_SOCKET_IFNAME: `=${self.interface}`, GLOO_SOCKET_IFNAME: self.interface };
}

/** What torchrun reads in place of its options. Source: torch.distributed.run, `env` and `PET_`. */
function torchVariables(roster: Roster, self: RosterNode): Record<string, string> {
  return {
    PET_NNODES: String(roster.nodes.length),
    PET_NODE_RANK: String(self.rank),
    PET_MASTER_ADDR: roster.nodes[0]?.address ?? '',
    PET_MASTER_PORT: String(roster.masterPort ?? ''),
  };
}

/** A text of the task with the addresses of a start's roster. */
export function renderFor(dir: string, text: string): string {
  return renderTemplates(text, groupsOf(JSON.parse(readFileSync(join(dir, 'roster.json'), 'utf8')) as Roster));
}

/** Every group has a node, so the roster names all of them, in order. */
function groupsOf(roster: Pick<Roster, 'nodes'>): { name: string; addresses: string[] }[] {
  const names = [...new Set(roster.nodes.map(({ group }) => group))];
  return names.map((name) => ({ name, addresses: roster.nodes.filter(({ group }) => group === name).map(({ address }) => address) }));
}

function rosterFile(roster: Roster, self: RosterNode): object {
  const nodes = roster.nodes.map(({ port: _port, ...node }) => node);
  return { runId: roster.runId, generation: roster.generation, rank: self.rank, nodes };
}
