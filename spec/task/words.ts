import { z } from 'zod';
import { nearestOf } from './nearest.js';
import { found, type Path, quote } from './problem.js';

/** The schema option that words a value of the wrong kind: `expected a list, got 3`. */
export function expected(what: string): z.core.$ZodErrorMap {
  return (issue) => (KIND_ISSUES.has(issue.code) ? `expected ${what}, got ${found(issue.input)}` : undefined);
}

const KIND_ISSUES: ReadonlySet<string | undefined> = new Set(['invalid_type', 'invalid_union', 'invalid_value']);

/** An object without other keys than those of `shape`; another key is named with the nearest known one. */
export function strict<S extends z.core.$ZodLooseShape>(shape: S, what: string): z.ZodObject<S, z.core.$strict> {
  const kind = expected(what);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join('; ') : kind(issue)),
  });
}

export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestOf(key, known);
  return `${quoteKey(key)} is not a known key${near === undefined ? '' : `; did you mean \`${near}\`?`}`;
}

export function quoteKey(key: string): string {
  return /^[\w-]{1,60}$/.test(key) ? `\`${key}\`` : quote(key);
}

export type Read<T> = { value: T } | { refused: string };

/** `from`, whose values `read` turns into something else or refuses in words. */
export function reading<M, T, I>(from: z.ZodType<M, I>, read: (value: M) => Read<T>) {
  return from.transform((value, context): T => {
    if (context.issues.length > 0) return z.NEVER; // Zod goes on after an unknown key.
    const result = read(value);
    if ('value' in result) return result.value;
    context.issues.push({ code: 'custom', message: result.refused, input: value });
    return z.NEVER;
  });
}

/** A text for which `isGood` holds and that has no NUL byte. */
export function textWhere(what: string, isGood: (text: string) => boolean, advice?: string) {
  const more = advice === undefined ? '' : `; ${advice}`;
  const kind = z.string({ error: (issue) => `expected ${what}, got ${found(issue.input)}${more}` });
  return reading(kind, (text): Read<string> => {
    if (text.includes('\0')) return { refused: `expected ${what}, got a NUL byte in it` };
    return isGood(text) ? { value: text } : { refused: `expected ${what}, got ${found(text)}` };
  });
}

export function listOf<T extends z.ZodType>(item: T, what: string) {
  return z.array(item, { error: expected(`a list of ${what}`) });
}

/** Parses with our words for every issue; zod's own never show. */
export function readWith<T>(schema: z.ZodType<T>, value: unknown): { value: T } | { problems: { path: Path; message: string }[] } {
  const result = schema.safeParse(value, { error: inOurWords });
  return result.success ? { value: result.data } : { problems: result.error.issues.flatMap((issue) => flatten(issue)) };
}

// Schemas word their own kind; this covers limits, and whatever a schema forgot to word.
function inOurWords(issue: z.core.$ZodRawIssue): string {
  const got = `got ${found(issue.input)}`;
  if (issue.code === 'too_small') return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}, ${got}`;
  if (issue.code === 'too_big') return `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}, ${got}`;
  return `expected something else, ${got}`;
}

// Of a union's branches the one that took the value's kind says what is wrong; the union itself where none did.
function flatten(issue: z.core.$ZodIssue): { path: Path; message: string }[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((issues) => !issues.some((inner) => KIND_ISSUES.has(inner.code) && inner.path.length === 0));
    if (branch !== undefined) {
      return branch.flatMap((inner) => flatten(inner)).map((inner) => ({ ...inner, path: [...path, ...inner.path] }));
    }
  }
  return [{ path, message: issue.message }];
}
