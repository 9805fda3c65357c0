/** The way from the top of a task to a value: `['env', 2]`. */
export type Path = readonly (string | number)[];

/** What keeps a task from being run, in our own words. */
export interface Problem {
  /** path: `nodes`, `env[2]`, `resources.gpu`; empty for the task as a whole. */
  path: string;
  /** line: of the file, counted from 1, where the task came from one. */
  line?: number;
  /** message: what was expected and what was found: `expected at least 1, got 0`. */
  message: string;
}

/** What a reader should know though the task can be run. */
export type Warning = Problem;

/** Where a value stands in the file it came from. */
export type Locate = (path: Path) => { line: number } | undefined;

/** One line for people: `line 3: nodes: expected at least 1, got 0`. */
export function describeProblem(problem: Problem): string {
  const line = problem.line === undefined ? '' : `line ${problem.line}: `;
  const named = problem.path === '' || problem.message.startsWith(`\`${problem.path}\``);
  return `${line}${named ? '' : `${problem.path}: `}${problem.message}`;
}

export function problemAt(path: Path, message: string, locate?: Locate): Problem {
  const line = locate?.(path)?.line;
  return { path: formatPath(path), message, ...(line === undefined ? {} : { line }) };
}

/** `env[2]`, `resources.gpu`, `env["odd name"]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((before, step) => {
    if (typeof step === 'number') return `${before}[${step}]`;
    if (!/^[\w-]{1,60}$/.test(step)) return before === '' ? quote(step) : `${before}[${quote(step)}]`;
    return before === '' ? step : `${before}.${step}`;
  }, '');
}

/** What was found, shortly and on one line; never more than the beginning of a text. */
export function found(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return value === '' ? 'an empty text' : quote(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return `${value}`.slice(0, 41);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}

/** A text in quotes, without control characters, cut after 40 characters. */
export function quote(text: string): string {
  const cut = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, '?');
}
