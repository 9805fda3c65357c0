import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeEmptyCgroups } from '../process/cgroup.js';
import { endLostShims } from '../process/lost-shims.js';
import { forkShim } from '../process/shim.js';
import { releaseShim, shimAlive } from '../process/start-dir.js';
import type { Agent } from './agent.js';

/** After a start has ended the machine may be busy with the next run's beginning; the spare can wait. */
const REFILL_AFTER_MS = 300;

/** While a program runs there is one too, for its restart; its start is over by then. */
export const REFILL_WHILE_RUNNING_MS = 1_000;

/** One shim forked ahead of its need: forking is what costs most when a node is prepared, and it needs to know nothing of the run. */
export class SpareShim {
  #ready: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #forking: Promise<void> | undefined;
  #closed = false;
  #count = 0;

  constructor(private readonly agent: Pick<Agent, 'dataDir' | 'baseEnv' | 'bootId' | 'pidNamespace' | 'log'>) {
    this.#endOld();
    endLostShims(realpathSync(agent.dataDir));
    removeEmptyCgroups();
  }

  /** Moves the spare's directory to `dir`. False where there is no spare that lives. */
  take(dir: string): boolean {
    const spare = this.#ready;
    this.#ready = undefined;
    if (spare === undefined || !shimAlive(spare)) return false;
    mkdirSync(dirname(dir), { recursive: true, mode: 0o700 });
    renameSync(spare, dir);
    return true;
  }

  /** Makes a spare soon, unless there is one. */
  refill(afterMs = REFILL_AFTER_MS): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#forking = this.#fork();
    }, afterMs);
    this.#timer.unref();
  }

  /** Ends the spare, also one that is being forked just now: resolves when there is none. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#forking;
    if (this.#ready !== undefined) this.#end(this.#ready);
    this.#ready = undefined;
  }

  async #fork(): Promise<void> {
    if (this.#ready !== undefined || this.#closed) return;
    const { dataDir, baseEnv, bootId, pidNamespace, log } = this.agent;
    const dir = join(this.#root(dataDir), `${process.pid}-${this.#count++}`);
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      await forkShim({ dir, baseEnv, bootId, pidNamespace });
      if (this.#closed) this.#end(dir);
      else this.#ready = dir;
    } catch (error) {
      log.warn({ event: 'no-spare-shim', error: String(error) }, 'no shim could be forked ahead; nodes start a little slower');
    }
  }

  #endOld(): void {
    const root = this.#root(this.agent.dataDir);
    try {
      for (const name of readdirSync(root)) this.#end(join(root, name));
    } catch {
      // There was none.
    }
  }

  #end(dir: string): void {
    releaseShim(dir, 'abort');
    rmSync(dir, { recursive: true, force: true });
  }

  #root(dataDir: string): string {
    return join(dataDir, 'spare');
  }
}
