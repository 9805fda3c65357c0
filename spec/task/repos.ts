import { z } from 'zod';
import { insidePath, PATH_WHAT, type PackedBytes, packedShape } from './files.js';
import { found } from './problem.js';
import { expected, listOf, type Read, reading, strict } from './words.js';

const REPO_WHAT = 'a text such as `..` or `https://host/name:target`, or a map with `local_path` or `url`';

/** An entry of `repos`. Exactly one of `local` and `url` is given. */
export interface RepoWish {
  local: string | null;
  url: string | null;
  path: string;
  branch: string | null;
  commit: string | null;
  ifExists: 'error' | 'skip';
}

/** A repository that every host clones, as a task is submitted with. */
export interface Repo {
  url: string;
  /** commit: a full hash; null is the newest of the branch. */
  commit: string | null;
  branch: string | null;
  path: string;
  ifExists: 'error' | 'skip';
  /** changes: a binary patch on top of the commit. */
  changes: PackedBytes | null;
}

const URL_RULE = /^(?:(?:https?|ssh|git|file):\/\/\S+|[\w.-]+@[\w.-]+:\S+)$/;
const HASH_RULE = /^[0-9a-f]{40}$/;
const BRANCH_RULE = /^(?!-)[^\s~^:?*[\\\p{Cc}]{1,255}$/u;

const HASH_WHAT = 'the full hash of a commit';
const hash = reading(z.string({ error: expected(HASH_WHAT) }), (text): Read<string> => {
  return HASH_RULE.test(text) ? { value: text } : { refused: `expected ${HASH_WHAT}, got ${found(text)}` };
});

const repoEntry = reading(
  z.union(
    [
      z.string(),
      strict(
        {
          local_path: z.string({ error: expected('a path') }).nullish(),
          url: z.string({ error: expected('the URL of a repository') }).nullish(),
          path: z.string({ error: expected(PATH_WHAT) }).nullish(),
          branch: z.string({ error: expected('the name of a branch') }).nullish(),
          hash: hash.nullish(),
          if_exists: z.enum(['error', 'skip'], { error: expected('`error` or `skip`') }).nullish(),
        },
        REPO_WHAT,
      ),
    ],
    { error: expected(REPO_WHAT) },
  ),
  (value): Read<RepoWish> => {
    const { local_path, url, path, branch, hash, if_exists } = typeof value === 'string' ? repoOfText(value) : value;
    if ((local_path == null) === (url == null)) return { refused: `expected ${REPO_WHAT}, got ${local_path == null ? 'neither' : 'both'}` };
    const bad = (url == null ? undefined : urlProblem(url)) ?? branchProblem(branch);
    if (bad !== undefined) return { refused: bad };
    const inside = insidePath(path ?? '.');
    if (inside === undefined) return { refused: `expected ${PATH_WHAT}, got ${found(path)}` };
    return {
      value: { local: local_path ?? null, url: url ?? null, path: inside, branch: branch ?? null, commit: hash ?? null, ifExists: if_exists ?? 'error' },
    };
  },
);

/** `repos`, as dstack writes it: one. */
export const reposSchema = listOf(repoEntry, 'repositories').max(1, { error: 'expected one repository, got several' });

/** `repo`: what the client makes of `repos`. */
export const repoSchema = reading(
  strict(
    {
      url: z.string({ error: expected('the URL of a repository') }),
      commit: hash.nullish(),
      branch: z.string({ error: expected('the name of a branch') }).nullish(),
      path: z.string({ error: expected(PATH_WHAT) }),
      ifExists: z.enum(['error', 'skip'], { error: expected('`error` or `skip`') }),
      changes: strict(packedShape, 'a patch as the client makes it').nullish(),
    },
    'a repository as the client makes it',
  ),
  (value): Read<Repo> => {
    const path = insidePath(value.path);
    const bad = urlProblem(value.url) ?? branchProblem(value.branch);
    if (bad !== undefined) return { refused: bad };
    return path === undefined
      ? { refused: `expected ${PATH_WHAT}, got ${found(value.path)}` }
      : { value: { ...value, path, commit: value.commit ?? null, branch: value.branch ?? null, changes: value.changes ?? null } };
  },
);

/** `url`, `url:path`, `local` or `local:path`; a colon of the URL itself divides nothing. */
function repoOfText(text: string): { local_path?: string; url?: string; path?: string; branch?: null; hash?: null; if_exists?: null } {
  const isUrl = /^(?:[a-z]+:\/\/|[\w.-]+@[\w.-]+:)/.test(text);
  // In a URL only what comes after the last slash: the rest of its colons are ports, users and schemes.
  const colon = text.indexOf(':', isUrl ? text.lastIndexOf('/') : 0);
  const divides = colon >= 0 && (!isUrl || text.includes('/'));
  const [source, path] = divides ? [text.slice(0, colon), text.slice(colon + 1)] : [text, undefined];
  return { ...(isUrl ? { url: source } : { local_path: source }), ...(path === undefined ? {} : { path }) };
}

function urlProblem(url: string): string | undefined {
  if (!URL_RULE.test(url) || url.startsWith('-')) return 'expected the URL of a repository, with https, ssh, git or file, or as git@host:name';
  if (/^https?:\/\/[^/@]*:[^/@]*@/.test(url)) return 'expected a URL without a password in it; hosts use their own git credentials';
  return undefined;
}

function branchProblem(branch: string | null | undefined): string | undefined {
  return branch != null && !BRANCH_RULE.test(branch) ? `expected the name of a branch, got ${found(branch)}` : undefined;
}
