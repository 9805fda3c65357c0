export { musterCell } from './cell.js';
export { musterFleet } from './fleet.js';
export { musterRun } from './run.js';
