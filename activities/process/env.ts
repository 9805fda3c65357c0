import { isReservedEnv } from '../../spec/task/env.js';

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

// Names that bash or dash treats as its own (read-only, computed or checked on assignment), and those of our scripts. They cannot pass
// through `export` in every /bin/sh, so they go through env(1): one exec more, only for who uses them.
const ownedByShells =
  /^(UID|EUID|PPID|GROUPS|SHELLOPTS|BASHOPTS|BASH.*|OPTIND|OPTERR|LINENO|RANDOM|SRANDOM|SECONDS|EPOCH.*|DIRSTACK|FUNCNAME|HISTCMD|COMP_.*|IFS|PS4|PWD|OLDPWD|SHLVL|POSIXLY_CORRECT|muster_.*|_)$/;

/**
 * Shell text that, sourced by a POSIX sh, puts exactly these values into the environment of what it executes. Values
 * arrive byte for byte (newlines, quotes, empty). Throws on a name that is no identifier and on a value that holds NUL.
 */
export function renderEnv(vars: Readonly<Record<string, string>>): string {
  let exported = '';
  let passed = '';
  for (const [name, value] of Object.entries(vars)) {
    if (!identifier.test(name)) throw new Error(`${JSON.stringify(name)} is not a name for an environment variable`);
    if (value.includes('\0')) throw new Error(`The value of ${name} holds a NUL byte, which no environment can carry`);
    if (ownedByShells.test(name)) passed += ` ${quote(`${name}=${value}`)}`;
    else exported += `export ${name}=${quote(value)}\n`;
  }
  return passed === '' ? exported : `${exported}set --${passed}\n`;
}

/** The text as one word of a POSIX shell, whatever it holds. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What a program inherits of the agent's environment: all but `TEMPORAL_*`, what Muster itself sets, and what npm adds. */
export function baseEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const base: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name === 'INIT_CWD' || isReservedEnv(name) || /^(TEMPORAL_|npm_)/.test(name)) continue;
    base[name] = value;
  }
  return base;
}
