import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The text of the two files that say where a process is among the cgroups. */
export interface CgroupFiles {
  /** /proc/self/mountinfo */
  mountinfo: string;
  /** /proc/self/cgroup */
  cgroup: string;
}

/**
 * The directories of the cgroup (v2) that this process is in, one for each writable mount that shows it. Empty where there is no cgroup v2, and where
 * no mount shows the own one. Whether something may be made there is seen by trying.
 */
export function ownCgroupDirs(files: CgroupFiles = readOwn()): string[] {
  const own = /^0::(\/.*)$/m.exec(files.cgroup)?.[1];
  if (own === undefined || leavesItsRoot(own)) return [];
  return files.mountinfo.split('\n').flatMap((line) => dirWithin(line, own) ?? []);
}

function readOwn(): CgroupFiles {
  try {
    return { mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'), cgroup: readFileSync('/proc/self/cgroup', 'utf8') };
  } catch {
    return { mountinfo: '', cgroup: '' };
  }
}

/** Seen from another cgroup namespace than the process is in. */
function leavesItsRoot(path: string): boolean {
  return path.split('/').includes('..');
}

function dirWithin(line: string, own: string): string | undefined {
  // Between the mount's options and the type are any number of optional fields, and then a dash.
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root = '', mountPoint = '', options = ''] = before.split(' ').map(unescaped);
  if (!after.startsWith('cgroup2 ') || !options.split(',').includes('rw') || leavesItsRoot(root)) return undefined;
  const prefix = root === '/' ? '' : root;
  if (own !== root && !own.startsWith(`${prefix}/`)) return undefined;
  return resolve(mountPoint, `./${own.slice(prefix.length)}`);
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
