/** The names that Muster itself sets in every node: the contract of `DSTACK_*`. */
export const RESERVED_ENV: readonly string[] = [
  'DSTACK_NODES_IPS',
  'DSTACK_MASTER_NODE_IP',
  'DSTACK_NODE_RANK',
  'DSTACK_NODES_NUM',
  'DSTACK_GPUS_PER_NODE',
  'DSTACK_GPUS_NUM',
  'DSTACK_MPI_HOSTFILE',
  'DSTACK_RUN_NAME',
  'DSTACK_RUN_ID',
  'DSTACK_WORKING_DIR',
  'DSTACK_REPO_DIR',
];

/** Whether a task may not set this name: the contract's names and everything that begins with `MUSTER_`. */
export function isReservedEnv(name: string): boolean {
  return name.startsWith('MUSTER_') || RESERVED_ENV.includes(name);
}
