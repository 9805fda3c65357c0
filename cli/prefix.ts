import { outColours } from './print.js';

const RANK_COLOURS = ['cyan', 'yellow', 'green', 'magenta', 'blue'] as const;

/** Each rank has a colour; `colours` are those of the stream that it is written to. */
export function paintByRank(rank: number, prefix: string, colours = outColours): string {
  return colours[RANK_COLOURS[rank % RANK_COLOURS.length] ?? 'cyan'](prefix);
}

/** What stands before each line of a node: `0 host-1  │ `, aligned over all of these nodes. */
export class Prefixes {
  #rankWidth = 1;
  #hostWidth = 1;

  /** Widens the columns for these nodes; they never become narrower, so that what follows stays in line. */
  fit(nodes: readonly { rank: number | null; host: string }[]): void {
    for (const { rank, host } of nodes) {
      this.#rankWidth = Math.max(this.#rankWidth, String(rank ?? '').length);
      this.#hostWidth = Math.max(this.#hostWidth, host.length);
    }
  }

  of(rank: number, host: string): string {
    return `${String(rank).padStart(this.#rankWidth)} ${host.padEnd(this.#hostWidth)} │ `;
  }
}
