import type { Client } from '@temporalio/client';
import { filesSchema } from '../../spec/task/files.js';
import { type Repo, reposSchema } from '../../spec/task/repos.js';
import { readWith } from '../../spec/task/words.js';
import { InvalidTask } from '../errors.js';
import type { TaskFile } from '../submitted.js';
import { filesLimit, packFiles } from './pack.js';
import { readClone } from './repository.js';
import { sendBytes } from './send.js';
import { CannotPack } from './walk.js';

/** Where a task's code is, and who is to have it. */
export interface Bringing {
  fleet: string;
  /** Relative paths begin here. */
  baseDir: string;
  env: Record<string, string | undefined>;
}

/**
 * The task with its `files` and `repos` packed and sent to where every host finds them. Throws `InvalidTask` where something cannot be
 * packed, before anything is sent.
 */
export async function bringCode(client: Client, task: TaskFile, { fleet, baseDir, env }: Bringing): Promise<TaskFile> {
  const { files, repos, ...rest } = task;
  const wishes = readWith(filesSchema, files ?? []);
  const repoWishes = readWith(reposSchema, repos ?? []);
  // Both were validated with the task.
  if ('problems' in wishes || 'problems' in repoWishes) return task;
  const limit = await about('files', async () => filesLimit(env['MUSTER_FILES_LIMIT']));
  const packed: Awaited<ReturnType<typeof packFiles>>[] = [];
  for (const [index, wish] of wishes.value.entries()) packed.push(await about(`files[${index}]`, () => packFiles(wish, baseDir, limit)));
  const [wish] = repoWishes.value;
  const clone = wish?.local == null ? undefined : await about('repos[0]', () => readClone(wish, baseDir, limit));

  const archives = [];
  for (const { path, data } of packed) archives.push({ path, ...(await sendBytes(client, fleet, data)) });
  let repo: Repo | undefined;
  if (wish) {
    const changes = clone?.changes ? await sendBytes(client, fleet, clone.changes) : null;
    const { branch, path, ifExists } = wish;
    repo = { url: clone?.url ?? wish.url ?? '', commit: clone?.commit ?? wish.commit, branch, path, ifExists, changes };
  }
  return { ...rest, ...(archives.length > 0 ? { archives } : {}), ...(repo === undefined ? {} : { repo }) };
}

async function about<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof CannotPack ? new InvalidTask([{ path, message: error.message }]) : error;
  }
}
