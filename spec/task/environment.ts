import { byteLength } from './byteLength.js';
import { isReservedEnv } from './env.js';
import { found, type Path } from './problem.js';
import { quoteKey } from './words.js';

// Linux' MAX_ARG_STRLEN: one `NAME=value` with the NUL that ends it.
const LARGEST_ENTRY_BYTES = 131_072;

/**
 * `env`, a list or a map, as an environment. Every problem is told to `refuse`, by its path
 * within `env`; no message repeats a value, for it may be a secret.
 */
export function readEnv(
  input: unknown,
  submitterEnv: Record<string, string | undefined> | undefined,
  refuse: (path: Path, message: string) => void,
): Record<string, string> {
  const env: Record<string, string> = {};
  const names = new Set<string>();
  for (const entry of entriesOf(input)) {
    const { path } = entry;
    if ('refused' in entry) {
      refuse(path, entry.refused);
      continue;
    }
    const { name } = entry;
    const badName = nameProblem(name) ?? (names.has(name) ? `${quoteKey(name)} is given twice` : undefined);
    if (badName !== undefined) {
      refuse(path, badName);
      continue;
    }
    names.add(name);
    const value = entry.value ?? fromSubmitter(name, submitterEnv);
    const badValue = value === undefined ? missing(name, submitterEnv) : valueProblem(name, value);
    if (badValue !== undefined) refuse(path, badValue);
    else if (value !== undefined) env[name] = value;
  }
  return env;
}

// A null value is a bare name, which is taken from the submitter.
type Entry = { path: Path; name: string; value: string | null } | { path: Path; refused: string };

function entriesOf(input: unknown): Entry[] {
  if (Array.isArray(input)) return Array.from(input, (item: unknown, index) => listEntry(item, index)); // `map` would leave holes.
  if (typeof input === 'object' && input !== null) {
    return Object.entries(input).map(([name, value]) => ({ path: [name], name, ...textOf(value) }));
  }
  return [{ path: [], refused: `expected a list such as \`- NAME=value\`, or a map, got ${kindOf(input)}` }];
}

function listEntry(item: unknown, index: number): Entry {
  const path = [index];
  if (typeof item !== 'string') return { path, refused: `expected \`NAME=value\` or \`NAME\`, got ${kindOf(item)}` };
  const equals = item.indexOf('=');
  return equals < 0 ? { path, name: item, value: null } : { path, name: item.slice(0, equals), value: item.slice(equals + 1) };
}

function fromSubmitter(name: string, submitterEnv: Record<string, string | undefined> | undefined): string | undefined {
  return submitterEnv !== undefined && Object.hasOwn(submitterEnv, name) ? submitterEnv[name] : undefined;
}

function missing(name: string, submitterEnv: unknown): string {
  const found = submitterEnv === undefined ? 'and none is known here' : 'where it is not set';
  return `expected \`${name}=value\`; a bare name is taken from the submitter's environment, ${found}`;
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
