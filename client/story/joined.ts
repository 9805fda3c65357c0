import type { StoryEvent } from './event.js';

/** What several nodes do together is one line. */
const TOGETHER_MS = 1_000;

/** A line of a story that is not complete yet: others like it may join. */
export interface Draft extends StoryEvent {
  join?: { key: string; say: (nodes: StoryEvent['nodes']) => string };
}

/** Joins what several nodes did alike, one right after the other. */
export class Joined {
  #last: Draft | null = null;

  /** The lines that are complete now. */
  add(draft: Draft): StoryEvent[] {
    const last = this.#last;
    if (last?.join && last.join.key === draft.join?.key && draft.atMs - last.atMs <= TOGETHER_MS) {
      last.nodes = [...last.nodes, ...draft.nodes];
      return [];
    }
    const done = this.flush();
    this.#last = draft;
    return done;
  }

  /** What is left. */
  flush(): StoryEvent[] {
    const last = this.#last;
    this.#last = null;
    if (last === null) return [];
    const { join, ...event } = last;
    return [join ? { ...event, message: join.say(event.nodes) } : event];
  }
}
