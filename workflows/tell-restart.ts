import { getExternalWorkflowHandle } from '@temporalio/workflow';
import * as messages from '../spec/messages.js';
import type { Cell, RunRecord } from './run-record.js';

/** Has a cell start one of its nodes again, alone. */
export function tellRestart({ generation }: RunRecord, cell: Cell, decided: Omit<messages.RestartDecided, 'generation'>): void {
  getExternalWorkflowHandle(cell.id)
    .signal(messages.restartDecided, { ...decided, generation })
    .catch(() => undefined);
}
