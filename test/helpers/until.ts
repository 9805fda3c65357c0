import { inspect, isDeepStrictEqual } from 'node:util';

/** The limits of tests are those of a quiet machine; so that a busy one does not fail them, it is waited so many times as long. */
const PATIENCE = 3;

/**
 * Reads again and again until the value is the expected one (deeply equal, or accepted by a predicate) and returns it. Fails after several times
 * `limitMs` with the last value seen. What `read` throws counts as a value.
 */
export function until<T>(read: () => T | Promise<T>, expected: T | ((value: T) => boolean), limitMs = 5000): Promise<T> {
  return untilWithin(read, expected, PATIENCE * limitMs);
}

/** The same with `limitMs` itself, where it is what is to be shown. */
export async function untilWithin<T>(read: () => T | Promise<T>, expected: T | ((value: T) => boolean), limitMs: number): Promise<T> {
  const accepts = typeof expected === 'function' ? (expected as (value: T) => boolean) : (value: T) => isDeepStrictEqual(value, expected);
  const begin = performance.now();
  for (;;) {
    let last: unknown;
    try {
      const value = await read();
      if (accepts(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    const passedMs = performance.now() - begin;
    if (passedMs >= limitMs) {
      const wanted = typeof expected === 'function' ? expected.toString() : inspect(expected);
      throw new Error(`Not so within ${limitMs} ms: wanted ${wanted}, last saw ${inspect(last)}`);
    }
    // What takes long is looked at less often: looking is work for others, too.
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, 10 + passedMs / 20)));
  }
}
