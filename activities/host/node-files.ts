import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cookie } from '../../spec/ids.js';
import { nodesIps, type Roster, type RosterNode } from '../../spec/roster.js';
import type { RosterFile } from '../../spec/roster-feed.js';
import { renderTemplates } from '../../spec/task/template.js';
import { renderLaunchEnv, writeLaunch } from '../process/launch.js';
import { startFile } from '../process/start-dir.js';
import type { Agent } from './agent.js';
import { withOwnCommand } from './own-command.js';
import { replaceFile } from './replace-file.js';
import { scriptOf } from './script.js';
import { rosterPath, type StartRecord, startDir } from './store.js';
import { workingDir } from './working-dir.js';

/**
 * Writes what a node is started with: the script, its environment, the list, the roster and the MPI host file.
 * Nobody reads them before the release.
 */
export async function writeNodeFiles(agent: Agent, record: StartRecord, bytes: string): Promise<void> {
  const { dir, roster, files, lists, launch } = readied(agent, record, bytes);
  mkdirSync(launch.workingDir, { recursive: true });
  for (const { path, text } of lists) writeFileSync(path, text, { mode: LIST_MODE });
  const script = renderTemplates(scriptOf(record.program.commands, record.program.shell), groupsOf(roster));
  await writeLaunch(dir, { ...launch, env: { ...launch.env, ...files }, script });
}

/**
 * Replaces what a running program may read again: the list, the roster and the MPI host file, each at once, so that no reader sees half of one; and the
 * environment that commands beside it get, in which `oldList` is the list as it was.
 */
export function replaceNodeFiles(agent: Agent, record: StartRecord, bytes: string, oldList: string): void {
  const ready = readied(agent, record, bytes);
  writeEnv(record, ready, oldList);
  for (const { path, text } of ready.lists) replaceFile(path, text, LIST_MODE);
}

/** Replaces the environment that commands beside a running program get. */
export function replaceEnv(agent: Agent, record: StartRecord, bytes: string, oldList: string): void {
  writeEnv(record, readied(agent, record, bytes), oldList);
}

function writeEnv(record: StartRecord, { dir, files, launch }: ReturnType<typeof readied>, oldList: string): void {
  const old = record.program.nodesEnv === 'file' ? {} : { MUSTER_OLD_NODES_IPS: oldList };
  replaceFile(startFile(dir, 'env'), renderLaunchEnv(dir, { ...launch, env: { ...launch.env, ...files, ...old } }));
}

/** The list as it stands in its file. */
export function readNodesFile(dir: string): string {
  return readFileSync(join(dir, NODES_FILE), 'utf8');
}

const NODES_FILE = 'nodes';
const LIST_MODE = 0o644;

function readied(agent: Agent, record: StartRecord, bytes: string) {
  const roster = JSON.parse(bytes) as Roster;
  const { run, startNumber, program } = record;
  const dir = startDir(agent.dataDir, run.runId, startNumber);
  const self = roster.nodes.find(({ host }) => host === agent.host);
  if (!self) throw new Error(`the roster of generation ${roster.generation} does not name ${agent.host}`);
  const workingPath = workingDir(agent.dataDir, run.runId, program);
  const files = {
    DSTACK_MPI_HOSTFILE: join(dir, 'hostfile'),
    MUSTER_NODES_FILE: join(dir, NODES_FILE),
    MUSTER_ROSTER_FILE: rosterPath(agent.dataDir, run.runId, startNumber),
  };
  const lists = [
    { path: files.DSTACK_MPI_HOSTFILE, text: roster.nodes.map(({ address, gpus }) => (gpus > 0 ? `${address} slots=${gpus}\n` : `${address}\n`)).join('') },
    { path: files.MUSTER_NODES_FILE, text: nodesIps(roster) },
    { path: files.MUSTER_ROSTER_FILE, text: JSON.stringify(rosterFile(roster, self)) },
  ];
  const env: Record<string, string> = {
    ...interfaceVariables(self),
    ...(program.dialects.includes('torch') ? torchVariables(roster, self) : {}),
    ...withOwnCommand(program.env, agent.dataDir),
    ...contract(agent, record, roster, self),
    DSTACK_WORKING_DIR: workingPath,
    ...(program.repo === null ? {} : { DSTACK_REPO_DIR: join(workingPath, program.repo.path) }),
  };
  if (program.nodesEnv === 'file') delete env['DSTACK_NODES_IPS'];
  return { dir, roster, files, lists, launch: { env, workingDir: workingPath, shell: program.shell } };
}

function contract(agent: Agent, record: StartRecord, roster: Roster, self: RosterNode): Record<string, string> {
  const { run, startNumber, reason, program } = record;
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
    ...(program.scheduledTime == null ? {} : { MUSTER_SCHEDULED_TIME: program.scheduledTime }),
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

function rosterFile(roster: Roster, self: RosterNode): RosterFile {
  const nodes = roster.nodes.map(({ port: _port, ...node }) => node);
  return { runId: roster.runId, generation: roster.generation, rank: self.rank, nodes };
}
