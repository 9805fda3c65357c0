import { DEFAULT_FLEET } from '../ids.js';
import type { Resources } from './resources.js';
import type { TaskSchedule } from './schedule.js';

export const MAX_NODES = 2_000;

/**
 * A fully resolved task: plain JSON, every default filled in. What `parseTask` returns and
 * what a run is started with. A resolved task never depends on the submitter's environment.
 */
export interface Task {
  /** name: `DSTACK_RUN_NAME`; dstack's rule for names. */
  name: string;
  /** nodes: 1 to 2,000. Equals the number of hosts where hosts are listed. */
  nodes: number;
  /** commands: one script, joined by `&&`. Never empty. */
  commands: string[];
  /** shell: `sh`, `bash` or an absolute path. */
  shell: string;
  /** env: no reserved name, every bare name resolved, each entry fits into Linux' 128 KiB. */
  env: Record<string, string>;
  /** workingDir: null means a fresh directory per run. */
  workingDir: string | null;
  /** hosts: unique ids of the hosts to use; null means any. */
  hosts: string[] | null;
  /** resources: what dstack's key says; null where the file has none. */
  resources: Resources | null;
  /** schedule: when `muster schedule apply` has it started; a run itself takes no note of it. */
  schedule: TaskSchedule | null;
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
  gatherTimeoutSeconds: number;
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
  resources: null,
  schedule: null,
  stopCriteria: 'all-done',
  stopSignal: 'SIGTERM',
  stopDurationSeconds: 30,
  maxDurationSeconds: null,
  hostTimeoutSeconds: 30,
  queueTimeoutSeconds: 600,
  gatherTimeoutSeconds: 120,
  network: null,
  interface: null,
  fleet: DEFAULT_FLEET,
} as const satisfies Omit<Task, 'name' | 'commands'>;
