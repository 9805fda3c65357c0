type Listener = (runId: string, startNumber: number) => void;

/** Where it is told, within an agent, that something of a start has changed: its roster file was replaced, or it has ended. */
export class RosterNews {
  readonly #listeners = new Set<Listener>();

  /** To be called after the files have been replaced. Who listens looks for itself; telling for nothing is harmless. */
  tell(runId: string, startNumber: number): void {
    for (const listener of this.#listeners) listener(runId, startNumber);
  }

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
