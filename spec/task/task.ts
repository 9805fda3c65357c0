import { DEFAULT_FLEET } from '../ids.js';
import type { Archive } from './files.js';
import type { Health } from './health.js';
import type { Labels } from './labels.js';
import type { OnResize } from './on-resize.js';
import type { Preflight } from './preflight.js';
import type { Repo } from './repos.js';
import type { Resources } from './resources.js';
import { NO_RESTART, type Restart } from './restart.js';
import type { TaskSchedule } from './schedule.js';
import type { Startup } from './startup.js';

export const MAX_NODES = 2_000;

/** How other launchers name what a node must know; a task chooses which of them it gets as well. */
export const DIALECTS = ['torch'] as const;
export type Dialect = (typeof DIALECTS)[number];

/** Nodes that run the same commands. */
export interface TaskGroup {
  /** name: as templates name it; `0`, `1` … where the file gives none. */
  name: string;
  nodes: number;
  /** commands: one script, joined by `&&`. Never empty. */
  commands: string[];
  /** resources: what dstack's key says; null where the file has none. */
  resources: Resources | null;
  /** where: labels that its hosts must have. */
  where: Labels;
}

/**
 * A fully resolved task: plain JSON, every default filled in. What `parseTask` returns and
 * what a run is started with. A resolved task never depends on the submitter's environment.
 */
export interface Task {
  /** name: `DSTACK_RUN_NAME`; dstack's rule for names. */
  name: string;
  /** nodes: 1 to 2,000, over all groups. Equals the number of hosts where hosts are listed. */
  nodes: number;
  /** groups: at least one; ranks run over them in order. A task without `groups` is one group. */
  groups: TaskGroup[];
  /** shell: `sh`, `bash` or an absolute path. */
  shell: string;
  /** env: no reserved name, every bare name resolved, each entry fits into Linux' 128 KiB. */
  env: Record<string, string>;
  /** workingDir: null means a fresh directory per run. */
  workingDir: string | null;
  /** hosts: unique ids of the hosts to use; null means any. */
  hosts: string[] | null;
  startup: Startup;
  /** nodesEnv: `file` leaves `DSTACK_NODES_IPS` unset; the list is in `MUSTER_NODES_FILE` either way. */
  nodesEnv: 'variable' | 'file';
  dialects: Dialect[];
  /** archives: the task's `files`, packed by the client. */
  archives: Archive[];
  /** repo: the task's `repos`, as hosts clone it; null where the file has none. */
  repo: Repo | null;
  /** schedule: when `muster schedule apply` has it started; a run itself takes no note of it. */
  schedule: TaskSchedule | null;
  restart: Restart;
  /** onHostLoss: the run goes on, in a new generation: `replace`: with another host; `shrink`: without it, where enough are left. */
  onHostLoss: 'fail' | 'replace' | 'shrink';
  onResize: OnResize;
  /** elastic: how many nodes the run may have, both included; it starts with as many as are free. null: `nodes`, until it is rescaled. */
  elastic: { min: number; max: number } | null;
  /** settleSeconds: how long the run waits for more hosts before it grows by itself; more after frequent changes. */
  settleSeconds: number;
  /** spares: hosts that are held ready to take the place of lost ones. */
  spares: number;
  /** fencing: `strict`: an agent that has no Temporal for hostTimeoutSeconds ends its programs, and a replacement waits for that. */
  fencing: 'reachable' | 'strict';
  /** health: null means that a program is not looked at while it runs. */
  health: Health | null;
  stopCriteria: 'all-done' | 'master-done';
  /** stopSignal: `SIGTERM`, `SIGINT` … in full. */
  stopSignal: string;
  /** stopDurationSeconds: from the stop signal to SIGKILL; 0 means at once. */
  stopDurationSeconds: number;
  /** maxDurationSeconds: null means no limit. */
  maxDurationSeconds: number | null;
  /** hostTimeoutSeconds: silence until a host is lost; at least 5. */
  hostTimeoutSeconds: number;
  queueTimeoutSeconds: number;
  /** unmet: whether a run waits for hosts that its fleet has not; `wait` where `queue_timeout` was given. */
  unmet: 'refuse' | 'wait';
  gatherTimeoutSeconds: number;
  /** preflight: null means `all` up to 16 nodes, and `ring` above. */
  preflight: Preflight | null;
  /** network: a network without host bits, as `10.0.0.0/24`; null means solved. */
  network: string | null;
  /** interface: a Linux interface's name; null means solved. */
  interface: string | null;
  fleet: string;
}

/** What a key that is not given means. `name` has no default of its own: see `slugName`. */
export const DEFAULTS = {
  nodes: 1,
  shell: 'bash',
  env: {},
  workingDir: null,
  hosts: null,
  startup: { order: 'any', ready: null },
  nodesEnv: 'variable',
  dialects: [],
  archives: [],
  repo: null,
  schedule: null,
  restart: NO_RESTART,
  onHostLoss: 'fail',
  onResize: { do: 'restart' },
  elastic: null,
  settleSeconds: 30,
  spares: 0,
  fencing: 'reachable',
  health: null,
  stopCriteria: 'all-done',
  stopSignal: 'SIGTERM',
  stopDurationSeconds: 30,
  maxDurationSeconds: null,
  hostTimeoutSeconds: 30,
  queueTimeoutSeconds: 600,
  unmet: 'refuse',
  gatherTimeoutSeconds: 120,
  preflight: null,
  network: null,
  interface: null,
  fleet: DEFAULT_FLEET,
} satisfies Omit<Task, 'name' | 'groups'>;
