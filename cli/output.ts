import { LineAssembler, type OutputPiece } from '../client/index.js';
import { Prefixes } from './prefix.js';

/** How the nodes' output is shown: with a prefix, as it is, or an object a line. */
export type OutputStyle = 'prefixed' | 'raw' | 'json';

export interface OutputOptions {
  style: OutputStyle;
  write: (bytes: Buffer) => Promise<void>;
  /** Colours a prefix. */
  paint?: (rank: number, prefix: string) => string;
}

const NEWLINE = Buffer.from('\n');

/** Merges the nodes' output, a line at a time: lines are never mixed, and one that is not ended is ended. */
export class MergedOutput {
  readonly #lines = new Map<string, { assembler: LineAssembler; rank: number; startNumber: number }>();
  readonly #prefixes = new Prefixes();

  constructor(private readonly options: OutputOptions) {}

  /** Aligns the prefixes of these nodes. */
  fit(nodes: readonly { rank: number | null; host: string }[]): void {
    this.#prefixes.fit(nodes);
  }

  async take({ rank, host, startNumber, data }: OutputPiece): Promise<void> {
    let known = this.#lines.get(host);
    if (known && (known.startNumber !== startNumber || known.rank !== rank)) {
      await this.#write(host, known, known.assembler.end());
      known = undefined;
    }
    known ??= { assembler: new LineAssembler(), rank, startNumber };
    this.#lines.set(host, known);
    await this.#write(host, known, known.assembler.push(data));
  }

  /** Ends the lines that their programs did not end. */
  async end(): Promise<void> {
    for (const [host, known] of this.#lines) await this.#write(host, known, known.assembler.end());
  }

  async #write(host: string, from: { rank: number; startNumber: number }, lines: Buffer[]): Promise<void> {
    if (lines.length === 0) return;
    await this.options.write(Buffer.concat(lines.flatMap((line) => [this.#before(host, from, line), NEWLINE])));
  }

  #before(host: string, { rank, startNumber }: { rank: number; startNumber: number }, line: Buffer): Buffer {
    const { style, paint } = this.options;
    if (style === 'raw') return line;
    if (style === 'json') return Buffer.from(JSON.stringify({ event: 'output', rank, host, startNumber, line: line.toString('utf8') }));
    this.#prefixes.fit([{ rank, host }]);
    const prefix = this.#prefixes.of(rank, host);
    return Buffer.concat([Buffer.from(paint ? paint(rank, prefix) : prefix), line]);
  }
}
