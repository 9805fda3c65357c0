/** Resolves with what asks this process to end: a signal, or the end of standard input where that is a tether to a parent. */
export function untilAskedToEnd(tethered: boolean): Promise<'signal' | 'parent'> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('signal'));
    process.once('SIGINT', () => resolve('signal'));
    if (!tethered) return;
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => resolve('parent'));
    process.stdin.resume();
  });
}

/** Resolves when the work is done or the time is over; a failure of the work counts as done. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

/** Waits for the dev stack's own server, which starts beside us. Throws when it does not come. */
export async function untilServed(address: string): Promise<void> {
  const { untilReady } = await import('../workers/server/ready.js');
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`Nobody answers at ${address}`)), SERVER_LIMIT_MS);
  try {
    await untilReady(address, 'default', limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

const SERVER_LIMIT_MS = 30_000;
