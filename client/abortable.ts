import { withLinkedSignal } from './linked.js';

/**
 * The work's outcome, or the signal's reason as soon as it aborts: the work is told and nobody waits for it, since the SDK notices only between two of its
 * tries, which lie seconds apart while Temporal is away.
 */
export async function abortable<T>(signal: AbortSignal | undefined, work: (own: AbortSignal | undefined) => Promise<T>): Promise<T> {
  if (signal === undefined) return work(undefined);
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    withLinkedSignal([signal], work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
