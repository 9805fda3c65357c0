import { CancellationScope, condition, getExternalWorkflowHandle, proxySinks, workflowInfo } from '@temporalio/workflow';
import type { ControlSinks } from '../spec/activities.js';
import * as messages from '../spec/messages.js';
import { claimHosts } from './held-hosts.js';
import { isLive } from './live.js';
import type { RunRecord } from './run-record.js';

const { runs } = proxySinks<ControlSinks>();

/**
 * Has the control worker tell a run that it was reset, once it has come to the point up to which it was. The history up to there was made without that
 * knowledge, so it cannot be acted upon but by a message that stands after it.
 */
export function noticeReset(record: RunRecord): void {
  const { runId, originalExecutionRunId } = workflowInfo();
  if (runId === originalExecutionRunId) return;
  // One that was cancelled by then hears of it all the same.
  void CancellationScope.nonCancellable(() => condition(() => !workflowInfo().unsafe.isReplaying)).then(() => {
    if (record.heardResetTo !== runId) runs.wasReset();
  });
}

/**
 * The run's former life may have given back its hosts, and ended its cells without a word to this one: says what it holds, and asks every cell
 * for a sign of life.
 */
export async function answerReset(record: RunRecord, { runId }: messages.RunReset): Promise<void> {
  record.heardResetTo = runId;
  await CancellationScope.nonCancellable(async () => {
    // What is done before the task is read may come after it in a replay.
    await condition(() => record.task !== null || record.endedAtMs !== null);
    if (record.endedAtMs !== null || record.hosts.length === 0) return;
    claimHosts(record, record.requests);
    // Its former life may have gone on to newer lists.
    record.uncertain = record.task !== null && isLive(record.task) && record.phase === 'running';
    const cells = [...record.cells, ...(record.newcomers?.cells ?? [])].filter(({ closed }) => !closed);
    await Promise.all(
      cells.map((cell) =>
        getExternalWorkflowHandle(cell.id)
          .signal(messages.runReset, { runId })
          .catch(() => {
            cell.closed = true;
          }),
      ),
    );
  });
}
