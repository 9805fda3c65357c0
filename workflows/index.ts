export { musterCell } from './cell.js';
export { musterFiles } from './files.js';
export { musterFleet } from './fleet.js';
export { musterRun } from './run.js';
