import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/until.js';

const WATCHER = fileURLToPath(new URL('list-watcher.js', import.meta.url));

/** A list as somebody who follows its file saw it. */
export interface SeenList {
  path: string;
  nodes: number;
  seenMs: number;
}

/** Follows the list files of many nodes, as their programs would, in one process beside them. */
export class ListFollower {
  readonly seen: SeenList[] = [];
  readonly #child: ChildProcess = spawn(process.execPath, [WATCHER], { stdio: ['pipe', 'pipe', 'inherit'] });
  #following = 0;

  constructor() {
    createInterface({ input: this.#child.stdout ?? process.stdin }).on('line', (line) => {
      const [first = '', second = '', path = ''] = line.split(' ');
      if (first === 'following') this.#following++;
      else this.seen.push({ path, nodes: Number(second), seenMs: Number(first) });
    });
  }

  async follow(paths: readonly string[]): Promise<void> {
    const expected = this.#following + paths.length;
    for (const path of paths) this.#child.stdin?.write(`${path}\n`);
    await until(() => this.#following, expected, 30_000);
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#child.kill();
  }
}
