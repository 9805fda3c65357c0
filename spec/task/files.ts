import { z } from 'zod';
import { found } from './problem.js';
import { expected, listOf, type Read, reading, strict } from './words.js';

/** An entry of `files`: what is taken from the submitter's machine, and where it goes. */
export interface FileWish {
  /** local: as written; relative to the task file. */
  local: string;
  /** path: within the working directory; `.` is the working directory itself. */
  path: string;
}

/** Bytes that are kept in parts, each by its SHA-256 in lower-case hex. */
export interface PackedBytes {
  /** digest: of all bytes. */
  digest: string;
  bytes: number;
  parts: string[];
}

/** Packed files, as a task is submitted with: a gzipped tar archive. */
export interface Archive extends PackedBytes {
  path: string;
}

export const MOST_FILES = 100;
const MOST_PARTS = 2_000;
const ENTRY_WHAT = 'a text such as `src` or `../src:code`, or a map with `local_path` and `path`';
export const PATH_WHAT = 'a path inside the working directory';

/**
 * A path inside the working directory without `.` and empty steps; undefined where it leads out of it or could not be a file's
 * name. The file system of a host belongs to others as well.
 */
export function insidePath(text: string): string | undefined {
  if (text === '' || text.length > 1_024 || text.startsWith('/') || text.startsWith('~') || /\p{Cc}/u.test(text)) return undefined;
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  return steps.includes('..') || steps.some((step) => step.length > 255) ? undefined : steps.join('/') || '.';
}

const entry = reading(
  z.union([z.string(), strict({ local_path: z.string({ error: expected('a path') }), path: z.string({ error: expected(PATH_WHAT) }).nullish() }, ENTRY_WHAT)], {
    error: expected(ENTRY_WHAT),
  }),
  (value): Read<FileWish> => {
    const [local = '', target, ...more] = typeof value === 'string' ? value.split(':') : [value.local_path, value.path ?? undefined];
    if (more.length > 0) return { refused: `expected ${ENTRY_WHAT}, got several colons; use the map` };
    if (local.trim() === '' || local.includes('\0')) return { refused: `expected ${ENTRY_WHAT}, got ${found(local)}` };
    const path = insidePath(target ?? ownPath(local));
    if (path === undefined) return { refused: `expected ${PATH_WHAT}, got ${found(target ?? local)}; the file systems of hosts are not the task's own` };
    return { value: { local, path } };
  },
);

/** `files`, as dstack writes it. */
export const filesSchema = listOf(entry, 'files').max(MOST_FILES, { error: `expected at most ${MOST_FILES} entries, got more` });

/** Where a local path goes that names no place: to the same one, or by its last name where that is outside. */
function ownPath(local: string): string {
  const inside = insidePath(local);
  if (inside !== undefined) return inside;
  const name = local.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return name === '..' || name === '~' ? '.' : name;
}

const DIGEST_WHAT = 'a SHA-256 in hexadecimal';
const digest = reading(z.string({ error: expected(DIGEST_WHAT) }), (text): Read<string> => {
  return /^[0-9a-f]{64}$/.test(text) ? { value: text } : { refused: `expected ${DIGEST_WHAT}, got ${found(text)}` };
});

export const packedShape = {
  digest,
  bytes: z
    .number({ error: expected('a number of bytes') })
    .int()
    .min(0),
  parts: listOf(digest, 'digests').min(1).max(MOST_PARTS),
};

const archive = reading(
  strict({ path: z.string({ error: expected(PATH_WHAT) }), ...packedShape }, 'an archive as the client makes it'),
  (value): Read<Archive> => {
    const path = insidePath(value.path);
    return path === undefined ? { refused: `expected ${PATH_WHAT}, got ${found(value.path)}` } : { value: { ...value, path } };
  },
);

/** `archives`: what the client makes of `files`. */
export const archivesSchema = listOf(archive, 'archives').max(MOST_FILES, { error: `expected at most ${MOST_FILES} archives, got more` });
