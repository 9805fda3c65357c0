/** A source of pieces, in their own order. */
export interface Source<T> {
  /** Resolves when all of them were handed on. */
  give(pieces: T[]): Promise<void>;
  /** What comes next. `asked`: it may be older than what others have; `newest`: all that was there has been given. */
  next(state: 'asked' | 'newest'): void;
  /** Nothing more comes. */
  close(): void;
}

interface Waiting<T> {
  pieces: T[];
  arrivedMs: number;
  taken: () => void;
}

interface Known<T> {
  waiting: Waiting<T> | undefined;
  state: 'asked' | 'newest';
  sinceMs: number;
}

export interface TimeOrderOptions {
  /** How long a piece waits for what others wrote at the same moment, where these have given all they had. */
  holdMs: number;
  /** How long it waits for a source that was asked and has given nothing yet. */
  patienceMs: number;
}

/**
 * Brings what several sources give into the order of time: a piece is handed on once nobody can have an older one, or is waited for no longer. The pieces of one source always
 * stay in their order. Holds one gift of each source at most.
 */
export class TimeOrder<T extends { atMs: number | null }> {
  readonly #sources = new Set<Known<T>>();
  #timer: NodeJS.Timeout | undefined;
  #handing = false;

  constructor(
    private readonly handOn: (piece: T) => Promise<void>,
    private readonly options: TimeOrderOptions,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  open(): Source<T> {
    const source: Known<T> = { waiting: undefined, state: 'asked', sinceMs: this.nowMs() };
    this.#sources.add(source);
    return {
      give: (pieces) => {
        if (pieces.length === 0) return Promise.resolve();
        return new Promise((taken) => {
          source.waiting = { pieces: [...pieces], arrivedMs: this.nowMs(), taken };
          this.#look();
        });
      },
      next: (state) => {
        if (state !== source.state) source.sinceMs = this.nowMs();
        source.state = state;
        this.#look();
      },
      close: () => {
        this.#sources.delete(source);
        this.#look();
      },
    };
  }

  /** Hands on what may go; at most one such look goes on. */
  #look(): void {
    if (!this.#handing) void this.#handOn();
  }

  async #handOn(): Promise<void> {
    this.#handing = true;
    try {
      for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) await this.#handOnFrom(oldest);
    } finally {
      this.#handing = false;
    }
  }

  async #handOnFrom(source: Known<T>): Promise<void> {
    const { waiting } = source;
    const piece = waiting?.pieces.shift();
    if (waiting === undefined || piece === undefined) return;
    await this.handOn(piece);
    if (waiting.pieces.length > 0) return;
    source.waiting = undefined;
    source.state = 'asked';
    source.sinceMs = this.nowMs();
    waiting.taken();
    // What it says of what comes next is heard before anything else is handed on.
    await Promise.resolve();
  }

  /** Whose first piece goes next; undefined where none may go yet, and then it is looked again in time. */
  #oldest(): Known<T> | undefined {
    clearTimeout(this.#timer);
    let oldest: Known<T> | undefined;
    // Once for each piece, and hosts may be thousands.
    for (const source of this.#sources) {
      if (source.waiting !== undefined && (oldest === undefined || timeOf(source) < timeOf(oldest))) oldest = source;
    }
    if (oldest === undefined) return undefined;
    let waitMs = 0;
    for (const source of this.#sources) {
      if (source.waiting === undefined) waitMs = Math.max(waitMs, this.#worthMs(source, oldest));
    }
    if (waitMs <= 0) return oldest;
    this.#timer = setTimeout(() => this.#look(), waitMs);
    return undefined;
  }

  /** How long it is worth waiting for this source, before the other's piece goes. */
  #worthMs({ state, sinceMs }: Known<T>, { waiting }: Known<T>): number {
    if (state === 'newest') return (waiting?.arrivedMs ?? 0) + this.options.holdMs - this.nowMs();
    return sinceMs + this.options.patienceMs - this.nowMs();
  }
}

function timeOf<T extends { atMs: number | null }>({ waiting }: Known<T>): number {
  return waiting?.pieces[0]?.atMs ?? Number.NEGATIVE_INFINITY;
}
