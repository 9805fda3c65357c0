import type { RunStatus } from '../../client/index.js';
import { comings } from '../../spec/words.js';

/** Remembers who was in the list of nodes before. */
export class ListChange {
  #generation = 0;
  #hosts: string[] = [];

  /** `generation 3: c joined; a left`, of a newer list of other hosts than before; null where there is none, and of the first. */
  take({ generation, nodes }: Pick<RunStatus, 'generation' | 'nodes'>): string | null {
    if (generation <= this.#generation) return null;
    const hosts = nodes.map(({ host }) => host);
    const changes = this.#generation > 0 ? comings(this.#hosts, hosts) : [];
    [this.#generation, this.#hosts] = [generation, hosts];
    return changes.length > 0 ? `generation ${generation}: ${changes.join('; ')}` : null;
  }
}
