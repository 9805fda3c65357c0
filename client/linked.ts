import { setMaxListeners } from 'node:events';

/**
 * Does some work under a signal of its own, which aborts when one of the others does. The SDK never takes its listeners off a signal
 * again: given a long-lived one, it would gather one with every call.
 */
export async function withLinkedSignal<T>(signals: readonly (AbortSignal | undefined)[], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const own = new AbortController();
  // A long wait is many calls, and each adds a listener.
  setMaxListeners(0, own.signal);
  const abort = () => own.abort();
  for (const signal of signals) {
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
  }
  try {
    return await work(own.signal);
  } finally {
    for (const signal of signals) signal?.removeEventListener('abort', abort);
  }
}
