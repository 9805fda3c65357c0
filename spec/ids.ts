/** Every id and queue name that Muster uses, built in one place. */

/** The queue that plain Temporal clients may use for the fleet `default`. */
export const PLAIN_QUEUE = 'muster';

export const DEFAULT_FLEET = 'default';

/** The control queue of a fleet: workflows and control activities. */
export function controlQueue(fleet: string): string {
  return `muster.${fleet}`;
}

/** The queue that the agent of one host serves. */
export function hostQueue(fleet: string, host: string): string {
  return `muster.${fleet}.host.${host}`;
}

/** Whose queue it is; null where it is no host's. */
export function hostOfQueue(queue: string): string | null {
  return /^muster\..*?\.host\.(.+)$/.exec(queue)?.[1] ?? null;
}

/** A queue that nobody serves: `muster doctor` sees by it how late the server's timers are. */
export function doctorQueue(fleet: string): string {
  return `muster.${fleet}.doctor`;
}

export function fleetWorkflowId(fleet: string): string {
  return `muster-fleet-${fleet}`;
}

/** The workflow that keeps one part of packed files. */
export function filesWorkflowId(digest: string): string {
  return `muster-files-${digest}`;
}

/** A handle that people can read: `run-<name>-<short>`. */
export function runHandle(name: string, short: string): string {
  return `run-${name}-${short}`;
}

/**
 * A cell's workflow id. `salt` is fresh for every execution, so that a run that was reset
 * never meets the cells of its former life.
 */
export function cellWorkflowId(handle: string, round: number, index: number, salt: string): string {
  return `${handle}.cell-${round}-${index}-${salt}`;
}

/** The gathering of a node that a cell starts again, alone; a stop of the cell's gathering is about it too. */
export function gatheringAgain(cell: string, startNumber: number): string {
  return `${cell}/again-${startNumber}`;
}

/** The cell's own gathering, of which this one is part. */
export function gatheringBase(gathering: string): string {
  return gathering.replace(/\/again-\d+$/, '');
}

/** The mark in the environment of everything that a start brings to life. */
export function cookie(runId: string, host: string, startNumber: number): string {
  return `${cookiePrefix(runId, host)}${startNumber}`;
}

/** What the cookies of all starts of one seat have in common. */
export function cookiePrefix(runId: string, host: string): string {
  return `${runId}/${host}/`;
}
