import { type ExecPiece, LineAssembler } from '../client/index.js';
import { outColours, writeErr, writeOut } from './print.js';

const NEWLINE = Buffer.from('\n');

/** The output of commands on several nodes: stdout to stdout and stderr to stderr, byte for byte, or by whole lines with the rank before each. */
export class ExecOutput {
  readonly #lines = new Map<string, LineAssembler>();

  constructor(private readonly prefixed: boolean) {}

  async take(rank: number, { stream, data }: ExecPiece): Promise<void> {
    const write = stream === 'stdout' ? writeOut : writeErr;
    if (!this.prefixed) return write(data);
    const key = `${stream} ${rank}`;
    const assembler = this.#lines.get(key) ?? new LineAssembler();
    this.#lines.set(key, assembler);
    await this.#write(key, assembler.push(data));
  }

  /** Ends the lines that their commands did not end. */
  async end(): Promise<void> {
    for (const [key, assembler] of this.#lines) await this.#write(key, assembler.end());
  }

  async #write(key: string, lines: Buffer[]): Promise<void> {
    if (lines.length === 0) return;
    const [stream, rank] = key.split(' ');
    const prefix = Buffer.from(outColours.cyan(`${rank} │ `));
    await (stream === 'stdout' ? writeOut : writeErr)(Buffer.concat(lines.flatMap((line) => [prefix, line, NEWLINE])));
  }
}
