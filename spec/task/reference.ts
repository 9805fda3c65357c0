import type { TaskField } from './schema.js';

/** What a reader of the task file should know of a key: a row of docs/task-file.md, and what an editor shows. Markdown. */
export interface KeyReference {
  value: string;
  default: string;
  /** text: what it does, in a sentence. */
  text: string;
}

/** Every key, in the order in which a reader wants them. */
export const KEY_REFERENCE: Readonly<Record<TaskField, KeyReference>> = {
  type: { value: '`task`', default: '`task`', text: 'What the file is; dstack has other types.' },
  name: {
    value: '2 to 41 lower-case letters, digits and `-`, a letter first',
    default: 'made from the file or the run',
    text: 'How the run is called: `DSTACK_RUN_NAME`.',
  },
  nodes: {
    value: 'a whole number, 1 to 2,000, or a range such as `2..8`',
    default: '1, or the number of `hosts`',
    text: 'How many nodes take part, one a host. With a range the run starts with as many as are free, and grows and shrinks within it by itself.',
  },
  commands: {
    value: 'a list of shell commands',
    default: 'required, here or in `groups`',
    text: 'One script that every node runs; the next runs if the last succeeded.',
  },
  groups: {
    value: 'a list of `name`, `nodes`, `commands`, `where`, `resources`',
    default: 'none',
    text: 'Nodes of several kinds; ranks run over them in order.',
  },
  shell: { value: '`sh`, `bash` or an absolute path', default: '`bash`', text: 'Which shell runs the commands.' },
  env: { value: 'a list of `NAME=value` and `NAME`, or a map', default: 'none', text: 'Variables of every node; a bare name is taken from whoever submits.' },
  working_dir: {
    value: 'a path on the host; a relative one begins in the fresh directory',
    default: 'a fresh directory per run',
    text: 'Where the commands start, and where `files` and `repos` are put. Made where it is missing, and kept over generations.',
  },
  files: { value: 'a list of `local` or `local:path`', default: 'none', text: 'Files and directories that every node finds in its working directory.' },
  repos: { value: 'one of `local`, `local:path`, a URL, or a map', default: 'none', text: 'A git repository that every node clones, with your local changes.' },
  hosts: { value: 'a list of host ids', default: 'any host', text: 'Exactly these hosts, ranked in this order.' },
  where: { value: 'a map of labels', default: 'any host', text: 'Only hosts that have all these labels (`muster host --label`).' },
  resources: {
    value: '`cpu`, `memory`, `gpu`, `disk`, `shm_size`',
    default: 'none',
    text: 'What a host must have: CPUs, memory, GPUs by number, model and memory. `disk`, `shm_size`, architecture and compute capability are read and not compared.',
  },
  fleet: { value: 'letters, digits, `-` and `_`', default: '`default`', text: 'Whose hosts are used.' },
  preflight: {
    value: '`all`, `ring`, `master`, `off`',
    default: '`all` up to 16 nodes, `ring` above',
    text: 'Which ways between nodes are proven open before anything starts.',
  },
  network: {
    value: 'as `10.0.0.0/24`; host bits may be set',
    default: 'chosen: see [networks](networks.md)',
    text: 'The network that the addresses come from.',
  },
  interface: { value: 'as `eth1`', default: 'chosen: see [networks](networks.md)', text: 'The interface that the addresses come from.' },
  startup_order: {
    value: '`any`, `master-first`, `workers-first`, or a map with `order` and `ready`',
    default: '`any`',
    text: 'Who starts first, and when the others follow.',
  },
  restart: {
    value: 'a number, or a map with `scope`, `attempts`, `losses`, `window`, `backoff`, `rules`',
    default: '`0`',
    text: 'What is started again when a program fails, how often, and when.',
  },
  health: {
    value: 'a map with `port` or `command`, and `interval`, `timeout`, `failures`, `start_period`',
    default: 'none',
    text: 'A check that finds a program which hangs.',
  },
  on_host_loss: {
    value: '`fail`, `replace`, `shrink`',
    default: '`fail`; `shrink` where `nodes` is a range; else `replace` with `restart` (not `0`), or with `retry` for `interruption`',
    text: 'Whether a run ends with a lost host, goes on with another, or goes on without it; with `hosts` named, `replace` waits for the lost one to be back.',
  },
  on_resize: {
    value: '`restart`, `file`, `signal`, `{signal: SIGUSR1}`, or `{exec: COMMAND, timeout: 60s}`',
    default: '`restart`',
    text: 'What nodes that stay hear of another list: they start again; or they run on, the files are replaced, and then they get a signal or run a command.',
  },
  settle: {
    value: 'a duration, at most `10m`',
    default: '`30s`',
    text: 'How long a run whose `nodes` is a range waits for more hosts before it grows by itself.',
  },
  spares: {
    value: 'a whole number, 0 to 100',
    default: '`0`',
    text: 'Hosts that are held ready to take the place of lost ones, with `on_host_loss: replace`.',
  },
  fencing: {
    value: '`reachable`, `strict`',
    default: '`reachable`',
    text: '`strict` ends the programs of an agent that has no Temporal for `host_timeout`, before another host takes over.',
  },
  retry: {
    value: '`true`, or a map with `on_events` and `duration`',
    default: '`false`',
    text: "dstack's way to ask for `restart`, `on_host_loss` and `queue_timeout`.",
  },
  stop_criteria: { value: '`all-done`, `master-done`', default: '`all-done`', text: 'Whether a run ends with its last node or with rank 0.' },
  max_duration: { value: 'a duration, or `off`', default: '`off`', text: 'The longest a run may take from its release on.' },
  stop_signal: { value: '`SIGTERM`, `TERM` or `15`; any that a program can catch, or `SIGKILL`', default: '`SIGTERM`', text: 'How a node is asked to end.' },
  stop_duration: { value: 'a duration; `0` is at once', default: '`30s`', text: 'From the stop signal to SIGKILL.' },
  host_timeout: { value: 'a duration, at least `5s`', default: '`30s`', text: 'Silence until a host counts as lost.' },
  queue_timeout: {
    value: 'a duration',
    default: '`10m`',
    text: 'How long a run waits for free hosts. Where it is given, the run also waits for hosts that have not joined the fleet yet; else such a run is refused.',
  },
  gather_timeout: { value: 'a duration', default: '`2m`', text: "How long a run waits for its hosts' answers, `files` and `repos` included." },
  nodes_env: {
    value: '`variable`, `file`',
    default: '`variable`',
    text: '`file` leaves `DSTACK_NODES_IPS` unset; the list is in `MUSTER_NODES_FILE` either way.',
  },
  dialects: {
    value: 'a list of `torch`',
    default: 'none',
    text: 'Variables that other launchers set: `PET_NNODES`, `PET_NODE_RANK`, `PET_MASTER_ADDR`, `PET_MASTER_PORT`.',
  },
  schedule: {
    value: 'a map with `cron` or `every`, and `offset`, `time_zone`, `start`, `end`, `overlap`, `catch_up`, `jitter`, `pause_on_failure`',
    default: 'none',
    text: 'When `muster schedule apply` has the task started.',
  },
  archives: { value: '–', default: '–', text: 'Made by the client of `files`.' },
  repo: { value: '–', default: '–', text: 'Made by the client of `repos`.' },
};
