import { condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { filesUsed } from '../spec/messages.js';

/** How long a part is kept after it was used last. */
const KEEP_MS = 30 * 86_400_000;

/**
 * Keeps one part of packed files in its input, where agents read it from the history, until nobody has used it for 30 days. Ends by
 * itself then; terminated earlier, it only has to be sent again.
 */
export async function musterFiles(part: Uint8Array): Promise<void> {
  let uses = 0;
  setHandler(filesUsed, () => {
    uses++;
  });
  for (;;) {
    const before = uses;
    if (!(await condition(() => uses > before, KEEP_MS, { summary: 'kept until then' }))) return;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof musterFiles>(part);
  }
}
