import { LineAssembler, type OutputPiece } from '../client/index.js';
import { Prefixes } from './prefix.js';

/** How the nodes' output is shown: with a prefix, as it is, or an object a line. */
export type OutputStyle = 'prefixed' | 'raw' | 'json';

export interface OutputOptions {
  style: OutputStyle;
  write: (bytes: Buffer) => Promise<void>;
  /** Colours a prefix. */
  paint?: (rank: number, prefix: string) => string;
  /** Whether each line begins with its time; an object a line always tells it. */
  timestamps?: boolean;
}

/** What a node wrote under one rank in one start. */
interface Lines {
  assembler: LineAssembler;
  rank: number;
  startNumber: number;
  generation: number | null;
}

const NEWLINE = Buffer.from('\n');

/** Merges the nodes' output, a line at a time: lines are never mixed, and one that is not ended is ended. */
export class MergedOutput {
  readonly #lines = new Map<string, Lines>();
  readonly #prefixes = new Prefixes();

  constructor(private readonly options: OutputOptions) {}

  /** Aligns the prefixes of these nodes. */
  fit(nodes: readonly { rank: number | null; host: string }[]): void {
    this.#prefixes.fit(nodes);
  }

  async take({ rank, host, startNumber, generation, atMs, data }: OutputPiece): Promise<void> {
    let known = this.#lines.get(host);
    if (known && (known.startNumber !== startNumber || known.rank !== rank)) {
      await this.#write(host, known, known.assembler.end(), atMs);
      known = undefined;
    }
    known ??= { assembler: new LineAssembler(), rank, startNumber, generation };
    known.generation = generation;
    this.#lines.set(host, known);
    await this.#write(host, known, known.assembler.push(data), atMs);
  }

  /** Ends the lines that their programs did not end. */
  async end(): Promise<void> {
    for (const [host, known] of this.#lines) await this.#write(host, known, known.assembler.end(), null);
  }

  async #write(host: string, from: Lines, lines: Buffer[], atMs: number | null): Promise<void> {
    if (lines.length === 0) return;
    await this.options.write(Buffer.concat(lines.flatMap((line) => [this.#before(host, from, line, atMs), NEWLINE])));
  }

  #before(host: string, { rank, startNumber, generation }: Lines, line: Buffer, atMs: number | null): Buffer {
    const { style, paint, timestamps } = this.options;
    if (style === 'json') {
      return Buffer.from(JSON.stringify({ event: 'output', rank, host, startNumber, generation, atMs, line: line.toString('utf8') }));
    }
    const time = timestamps ? `${timeOf(atMs)} ` : '';
    if (style === 'raw') return time === '' ? line : Buffer.concat([Buffer.from(time), line]);
    this.#prefixes.fit([{ rank, host }]);
    const prefix = this.#prefixes.of(rank, host);
    return Buffer.concat([Buffer.from(time + (paint ? paint(rank, prefix) : prefix)), line]);
  }
}

function timeOf(atMs: number | null): string {
  return atMs === null ? '-'.padEnd(24) : new Date(atMs).toISOString();
}
