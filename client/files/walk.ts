import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** A thing to be packed, by its path within the entry. */
export type Found = { path: string; mode: number } & ({ kind: 'file'; size: number } | { kind: 'directory' } | { kind: 'link'; target: string });

/** Something that cannot be packed; the message names it and the mend. */
export class CannotPack extends Error {
  override readonly name = 'CannotPack';
}

const IGNORE_FILES = ['.gitignore', '.dstackignore'];
const MOST_ENTRIES = 50_000;

interface Rules {
  /** The directory in which they stand, within the root. */
  at: string;
  matcher: Ignore;
}

/**
 * Everything in a directory but what its ignore files and those in its directories leave out, and `.git`; in the order of their paths, so that the same
 * files give the same list. Throws `CannotPack` at a link that leads out of it, and at what is neither file, directory nor link.
 */
export function walk(root: string): Found[] {
  const found: Found[] = [];
  const visit = (dir: string, above: readonly Rules[]): void => {
    const rules = [...above, ...rulesIn(root, dir)];
    for (const name of readdirSync(join(root, dir)).sort()) {
      if (name === '.git') continue;
      const path = dir === '' ? name : `${dir}/${name}`;
      const stat = lstatSync(join(root, path));
      if (isIgnored(path, stat.isDirectory(), rules)) continue;
      if (found.length >= MOST_ENTRIES) throw new CannotPack(`expected at most ${MOST_ENTRIES} files in ${root}; leave some out with .dstackignore`);
      const mode = stat.mode & 0o777;
      if (stat.isDirectory()) {
        found.push({ path, mode, kind: 'directory' });
        visit(path, rules);
      } else if (stat.isSymbolicLink()) found.push({ path, mode: 0o777, kind: 'link', target: innerTarget(root, path) });
      else if (stat.isFile()) found.push({ path, mode, kind: 'file', size: stat.size });
      else throw new CannotPack(`${path} is neither a file nor a directory nor a link; leave it out with .dstackignore`);
    }
  };
  visit('', []);
  return found;
}

/** The nearest rules that say something about a path win, as git reads them. */
function isIgnored(path: string, isDirectory: boolean, rules: readonly Rules[]): boolean {
  let ignored = false;
  for (const { at, matcher } of rules) {
    const own = at === '' ? path : path.slice(at.length + 1);
    const said = matcher.test(isDirectory ? `${own}/` : own);
    if (said.ignored) ignored = true;
    else if (said.unignored) ignored = false;
  }
  return ignored;
}

function rulesIn(root: string, dir: string): Rules[] {
  return IGNORE_FILES.flatMap((name) => {
    const text = readIfThere(join(root, dir, name));
    return text === undefined ? [] : [{ at: dir, matcher: ignore().add(text) }];
  });
}

function innerTarget(root: string, path: string): string {
  const target = readlinkSync(join(root, path));
  const inside = relative(root, resolve(root, path, '..', target));
  if (target.startsWith('/') || inside === '..' || inside.startsWith(`..${sep}`)) {
    throw new CannotPack(`${path} is a link that leads out, to ${target}; leave it out with .dstackignore, or put the file itself there`);
  }
  return target;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
