import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../../spec/nodes.js';
import type { Agent } from '../agent.js';
import { runDir } from '../store.js';
import { workingDir } from '../working-dir.js';
import { clone } from './clone.js';
import { fetchBytes } from './fetch.js';
import { unpack } from './unpack.js';

/** A clone may take most of what a gathering may. */
const GIT_LIMIT_MS = 100_000;

/**
 * Puts the task's code into the run's working directory: the repository, then the files. Once for a run on this host: a restart finds what
 * the program has made of it. Throws with a sentence.
 */
export async function placeCode(agent: Agent, runId: string, program: Program): Promise<void> {
  const { archives, repo } = program;
  const marker = join(runDir(agent.dataDir, runId), 'code-placed');
  if ((archives.length === 0 && repo === null) || existsSync(marker)) return;
  const work = workingDir(agent.dataDir, runId, program);
  mkdirSync(work, { recursive: true });
  if (repo !== null) {
    const changes = repo.changes && (await fetchBytes(agent, repo.changes));
    await clone(repo, changes, join(work, repo.path), { baseEnv: agent.baseEnv, limitMs: GIT_LIMIT_MS });
  }
  for (const archive of archives) await unpack(await fetchBytes(agent, archive), work, archive.path);
  writeFileSync(marker, '');
}
