import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from './agent.js';
import { cacheDir } from './files/fetch.js';
import { askRun } from './run-wanted.js';
import type { Seats } from './seats.js';
import { listRuns, listStarts, readStart, runDir, startDir } from './store.js';

const LOOK_EVERY_MS = 3_600_000;

/**
 * Removes what nobody will ask for again: directories of runs that are closed and had no process here for `keepMs`, and files that no run used
 * for as long. At the agent's start and hourly. A run that goes on, or that cannot be asked about, keeps everything.
 */
export function startRetention(agent: Agent, seats: Seats, keepMs: number): { stop(): void } {
  const look = () => {
    clearUp(agent, seats, Date.now() - keepMs).catch((error: unknown) =>
      agent.log.warn({ event: 'retention-failed', error: String(error) }, 'old runs could not be removed'),
    );
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** One such look; what was used last before this moment may go. */
export async function clearUp(agent: Agent, seats: Pick<Seats, 'ofRun'>, beforeMs: number): Promise<void> {
  const { dataDir } = agent;
  for (const runId of listRuns(dataDir)) {
    if (seats.ofRun(runId).length > 0 || lastUseMs(dataDir, runId) >= beforeMs) continue;
    const newest = readStart(dataDir, runId, Math.max(0, ...listStarts(dataDir, runId)));
    // Without a start that can be read there is only a tombstone, of a run that was never prepared here.
    if (newest && (await askRun(agent, newest.run, newest.generation)) !== 'closed') continue;
    rmSync(runDir(dataDir, runId), { recursive: true, force: true });
  }
  const cache = cacheDir(dataDir);
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    if (statSync(join(cache, name)).mtimeMs < beforeMs) rmSync(join(cache, name), { force: true });
  }
}

function lastUseMs(dataDir: string, runId: string): number {
  const places = [runDir(dataDir, runId), ...listStarts(dataDir, runId).map((number) => startDir(dataDir, runId, number))];
  return Math.max(
    ...places
      .flatMap((dir) => [dir, join(dir, 'start.json'), join(dir, 'tombstone.json')])
      .map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
}
