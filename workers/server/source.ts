import type { Pin } from './pins.js';

/** A place that a pinned program can be fetched from. */
export interface Source {
  /** As in `the official download`. */
  name: string;
  /** Puts the program into the empty directory `stage` and returns its path. Throws with a short reason. */
  fetch(pin: Pin, stage: string, search: Search): Promise<string>;
}

export interface Search {
  /** Is told, a line at a time, what a person waits for and what was passed over. */
  say: (line: string) => void;
  /** The environment to look in; this process's own if left out. */
  env?: NodeJS.ProcessEnv;
  /** Where to fetch from, in order, when nothing is on this machine. */
  sources?: readonly Source[];
}
