import type { DataConverter } from '@temporalio/common';

/** The one data converter of clients, control workers and agents: encryption is one change, here. */
export const dataConverter: DataConverter = {};
