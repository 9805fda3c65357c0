/**
 * How many polls every process keeps open at Temporal. A namespace allows a number of each kind at once; for hosts that is what bounds a fleet, and the client
 * hides a refusal by trying again, so the work is only slow.
 */

/** Activity polls of an agent: its one worker's. */
export const HOST_ACTIVITY_POLLS = 1;

/** Of a control worker, for each queue that it serves; its workflow polls follow the work, up to this many. */
export const CONTROL_ACTIVITY_POLLS = 2;
export const CONTROL_WORKFLOW_POLLS = { least: 2, first: 5, most: 20 } as const;

/** Polls of one kind that the server allows a namespace at once where `frontend.namespaceCount` is not set: for each frontend. */
export const DEFAULT_POLL_LIMIT = 1_200;
