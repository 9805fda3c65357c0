import { ApplicationFailure, ChildWorkflowFailure, defineSignal, setHandler, startChild, workflowInfo } from '@temporalio/workflow';
// Types only: nothing of the library comes into the workflow.
import type { RunStatus, TaskFile } from 'muster';

const scale = defineSignal<[nodes: number]>('scale');

/** Starts the task as a run, waits for its end and tells how it went. */
export async function trainAndReport(task: TaskFile): Promise<string> {
  const run = await startChild<(task: TaskFile) => Promise<RunStatus>>('musterRun', {
    workflowId: `${workflowInfo().workflowId}-run`,
    // The control queue of the fleet `default`; of another one, `muster.<fleet>`.
    taskQueue: 'muster',
    args: [task],
  });
  setHandler(scale, (nodes) => run.signal('rescaleWanted', { nodes }));
  try {
    const { phase, generation, nodes } = await run.result();
    return `${phase} in generation ${generation} on ${nodes.map(({ address }) => address).join(' ')}`;
  } catch (error) {
    const failure = error instanceof ChildWorkflowFailure ? error.cause : undefined;
    const status = failure instanceof ApplicationFailure ? (failure.details?.[0] as RunStatus | undefined) : undefined;
    const first = status?.failures[0];
    if (!(failure instanceof ApplicationFailure) || first === undefined) throw error; // Cancelled, terminated, an invalid task.
    return `${failure.type}: node ${first.rank} on ${first.host}: ${status?.message}`;
  }
}
