import { inspect, isDeepStrictEqual } from 'node:util';

/**
 * Reads again and again until the value is the expected one (deeply equal, or accepted by a predicate) and returns it. Fails after
 * `limitMs` with the last value seen. What `read` throws counts as a value.
 */
export async function until<T>(read: () => T | Promise<T>, expected: T | ((value: T) => boolean), limitMs = 5000): Promise<T> {
  const accepts = typeof expected === 'function' ? (expected as (value: T) => boolean) : (value: T) => isDeepStrictEqual(value, expected);
  const end = performance.now() + limitMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await read();
      if (accepts(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      const wanted = typeof expected === 'function' ? expected.toString() : inspect(expected);
      throw new Error(`Not so within ${limitMs} ms: wanted ${wanted}, last saw ${inspect(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
