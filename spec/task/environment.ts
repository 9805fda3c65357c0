import { z } from 'zod';
import { byteLength } from './byteLength.js';
import { isReservedEnv } from './env.js';
import { type Path, found } from './problem.js';
import { quoteKey } from './words.js';

/** One entry of `env`. A null value is a bare name, to be taken from the submitter. */
export interface EnvEntry {
  name: string;
  value: string | null;
  /** path: within `env`. */
  path: Path;
}

// Linux' MAX_ARG_STRLEN: one `NAME=value` with the NUL that ends it.
const LARGEST_ENTRY_BYTES = 131_072;

/** `env`, a list or a map, as entries. Messages never repeat a value: it may be a secret. */
export const envSchema = z.unknown().transform((input, context): EnvEntry[] => {
  const entries: EnvEntry[] = [];
  const names = new Set<string>();
  const refuse = (path: Path, message: string) => {
    context.issues.push({ code: 'custom', path: [...path], message, input });
  };
  const add = (path: Path, name: string, value: string | null) => {
    const problem = nameProblem(name) ?? (names.has(name) ? `${quoteKey(name)} is given twice` : undefined);
    if (problem !== undefined) return refuse(path, problem);
    names.add(name);
    const tooMuch = value === null ? undefined : valueProblem(name, value);
    if (tooMuch !== undefined) return refuse(path, tooMuch);
    entries.push({ name, value, path });
  };

  if (Array.isArray(input)) {
    input.forEach((item: unknown, index) => {
      if (typeof item !== 'string') return refuse([index], `expected \`NAME=value\` or \`NAME\`, got ${kindOf(item)}`);
      const equals = item.indexOf('=');
      add([index], equals < 0 ? item : item.slice(0, equals), equals < 0 ? null : item.slice(equals + 1));
    });
  } else if (typeof input === 'object' && input !== null) {
    for (const [name, value] of Object.entries(input)) {
      const text = textOf(value);
      if ('refused' in text) refuse([name], text.refused);
      else add([name], name, text.value);
    }
  } else {
    refuse([], `expected a list such as \`- NAME=value\`, or a map, got ${kindOf(input)}`);
  }
  return entries;
});

/** The environment with its bare names looked up; each that is missing is told to `refuse`. */
export function resolveEnv(
  entries: readonly EnvEntry[],
  submitterEnv: Record<string, string | undefined> | undefined,
  refuse: (path: Path, message: string) => void,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, path } of entries) {
    const resolved = value ?? (submitterEnv !== undefined && Object.hasOwn(submitterEnv, name) ? submitterEnv[name] : undefined);
    if (resolved === undefined) {
      const where = submitterEnv === undefined ? 'and none is known here' : `which has no ${quoteKey(name)}`;
      refuse(path, `expected \`${name}=value\`; a bare name is taken from the submitter's environment, ${where}`);
      continue;
    }
    const problem = value === null ? valueProblem(name, resolved) : undefined;
    if (problem !== undefined) refuse(path, problem);
    else env[name] = resolved;
  }
  return env;
}

function nameProblem(name: string): string | undefined {
  // `__proto__` would vanish from any plain object on its way to the node.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === '__proto__') {
    return `expected a name of letters, digits and \`_\` that does not begin with a digit, got ${found(name)}`;
  }
  return isReservedEnv(name) ? `${quoteKey(name)} is set by Muster itself and cannot be given here` : undefined;
}

function valueProblem(name: string, value: string): string | undefined {
  if (value.includes('\0')) return `expected a value without NUL bytes for ${quoteKey(name)}`;
  const bytes = byteLength(name) + 1 + byteLength(value) + 1;
  if (bytes <= LARGEST_ENTRY_BYTES) return undefined;
  return `expected at most 128 KiB for ${quoteKey(name)} with its name, which is what Linux allows, got ${bytes} bytes`;
}

function textOf(value: unknown): { value: string } | { refused: string } {
  if (typeof value === 'string') return { value };
  if (typeof value === 'boolean') return { value: String(value) };
  if (typeof value !== 'number') return { refused: `expected text, a number, true or false, got ${kindOf(value)}` };
  if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return { value: String(value) };
  return { refused: 'expected a number that can be kept exactly; put it in quotes' };
}

function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'a text' : found(value);
}
