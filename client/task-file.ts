import type { z } from 'zod';
import type { TaskField, taskFields } from '../spec/task/schema.js';

/** What a key of the task file takes, as YAML or JSON holds it. Null is the same as leaving it out. */
type Value<K extends TaskField> = z.input<(typeof taskFields)[K]> | null | undefined;

/**
 * A task as its file holds it: `{ nodes: 3, commands: ['…'] }`. docs/task-file.md has every key with its default. The types say which keys there are and of
 * what kind their values; what they cannot say is checked where the task is submitted, with every problem in one `InvalidTask`.
 * What comes from elsewhere, as parsed YAML, goes in with `as TaskFile`.
 */
export interface TaskFile {
  type?: Value<'type'>;
  /** How the run is called: 2 to 41 lower-case letters, digits and `-`, a letter first. */
  name?: Value<'name'>;
  /** How many nodes take part, one a host: `3`, or elastic as `'2..8'`. Default: 1, or the number of `hosts`. */
  nodes?: Value<'nodes'>;
  /** One script that every node runs; the next command runs if the last succeeded. Required, here or in `groups`. */
  commands?: Value<'commands'>;
  /** Nodes of several kinds; ranks run over them in order. */
  groups?: Value<'groups'>;
  /** Default: `bash`. */
  shell?: Value<'shell'>;
  /** A list of `NAME=value` and `NAME`, or a map. A bare name is taken from the submitter's environment. */
  env?: string[] | Record<string, string | number | boolean> | null | undefined;
  /** Where the commands start. Default: a fresh directory per run. */
  working_dir?: Value<'working_dir'>;
  /** Files and directories that every node finds in its working directory; relative ones begin at `baseDir`. */
  files?: Value<'files'>;
  /** One git repository that every node clones, with your local changes. */
  repos?: Value<'repos'>;
  /** Exactly these hosts, ranked in this order. */
  hosts?: string[] | null | undefined;
  /** Only hosts that have all these labels. */
  where?: Value<'where'>;
  /** What a host must have: CPUs, memory, GPUs. */
  resources?: Value<'resources'>;
  /** Whose hosts are used. Default: `default`. */
  fleet?: Value<'fleet'>;
  /** Which ways between nodes are proven open before anything starts. */
  preflight?: Value<'preflight'>;
  /** The network that the addresses come from, as `10.0.0.0/24`. */
  network?: Value<'network'>;
  /** The interface that the addresses come from. */
  interface?: Value<'interface'>;
  /** Who starts first, and when the others follow. */
  startup_order?: Value<'startup_order'>;
  /** What is started again when a program fails, how often, and when. Default: nothing. */
  restart?: Value<'restart'>;
  /** A check that finds a program which hangs. */
  health?: Value<'health'>;
  /** Whether a run ends with a lost host, goes on with another, or without it. */
  on_host_loss?: Value<'on_host_loss'>;
  /** What nodes that stay hear of another list. Default: all start again. */
  on_resize?: Value<'on_resize'>;
  /** How long an elastic run waits for more hosts before it grows. */
  settle?: Value<'settle'>;
  /** Hosts that are held ready to take the place of lost ones. */
  spares?: Value<'spares'>;
  /** `strict` ends the programs of an agent that has no Temporal for `host_timeout`. */
  fencing?: Value<'fencing'>;
  /** dstack's way to ask for `restart`, `on_host_loss` and `queue_timeout`. */
  retry?: Value<'retry'>;
  /** Whether a run ends with its last node or with rank 0. */
  stop_criteria?: Value<'stop_criteria'>;
  /** The longest a run may take from its release on, as `'2h'`, or seconds. Default: no limit. */
  max_duration?: Value<'max_duration'>;
  /** How a node is asked to end. Default: `SIGTERM`. */
  stop_signal?: Value<'stop_signal'>;
  /** From the stop signal to SIGKILL. Default: 30 s. */
  stop_duration?: Value<'stop_duration'>;
  /** Silence until a host counts as lost, at least 5 s. Default: 30 s. */
  host_timeout?: Value<'host_timeout'>;
  /** How long a run waits for free hosts. Default: 10 min; where it is given, also for hosts that have not joined yet. */
  queue_timeout?: Value<'queue_timeout'>;
  /** How long a run waits for its hosts' answers. Default: 2 min. */
  gather_timeout?: Value<'gather_timeout'>;
  /** `file` leaves `DSTACK_NODES_IPS` unset. */
  nodes_env?: Value<'nodes_env'>;
  /** Variables that other launchers set. */
  dialects?: Value<'dialects'>;
  /** When `schedules.apply` has the task started. */
  schedule?: Value<'schedule'>;
}
