/** dstack's keys that only choose or pay for machines: one warning, and no effect here. */
export const PLACEMENT_KEYS: readonly string[] = [
  'availability_zones',
  'backend_options',
  'backends',
  'creation_policy',
  'fleets',
  'idle_duration',
  'instance_name',
  'instance_types',
  'instances',
  'max_price',
  'nvcc',
  'pool_name',
  'priority',
  'python',
  'regions',
  'reservation',
  'shm_size',
  'single_branch',
  'spot_policy',
  'tags',
  'termination_idle_time',
  'termination_policy',
  'utilization_policy',
];

/** dstack forwards ports to the submitter; here the nodes' own addresses are reached: one warning. */
export const UNFORWARDED_KEYS: readonly string[] = ['ports'];

/** dstack's keys that change what runs: without them it would be another program, so they are errors. */
export const PROGRAM_KEYS: readonly string[] = ['docker', 'entrypoint', 'home_dir', 'image', 'init', 'privileged', 'registry_auth', 'setup', 'user', 'volumes'];

/** Keys of the design that are still to come. */
export const COMING_KEYS: readonly string[] = ['retry_policy'];

/** Whether a value asks for nothing, as `privileged: false` or `ports: []`: such a key changes nothing. */
export function asksForNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
