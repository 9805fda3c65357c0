import { type ExecPiece, LineAssembler } from '../client/index.js';
import { Prefixes, paintByRank } from './prefix.js';
import { errColours, outColours, writeErr, writeOut } from './print.js';

const NEWLINE = Buffer.from('\n');
const STREAMS = { stdout: { write: writeOut, colours: outColours }, stderr: { write: writeErr, colours: errColours } };

interface Lines {
  assembler: LineAssembler;
  rank: number;
  stream: ExecPiece['stream'];
}

/** The output of commands on several nodes: stdout to stdout and stderr to stderr, byte for byte, or by whole lines with rank and host before each, as `muster run` has them. */
export class ExecOutput {
  readonly #lines = new Map<string, Lines>();
  readonly #prefixes = new Prefixes();
  readonly #hosts = new Map<number, string>();

  constructor(
    private readonly prefixed: boolean,
    private readonly streams = STREAMS,
  ) {}

  /** The command in the place of this node runs: its output comes from now on. */
  about(node: { rank: number; host: string }): void {
    this.#hosts.set(node.rank, node.host);
    this.#prefixes.fit([node]);
  }

  async take(rank: number, { stream, data }: ExecPiece): Promise<void> {
    if (!this.prefixed) return this.streams[stream].write(data);
    const key = `${stream} ${rank}`;
    const lines = this.#lines.get(key) ?? { assembler: new LineAssembler(), rank, stream };
    this.#lines.set(key, lines);
    await this.#write(lines, lines.assembler.push(data));
  }

  /** Ends the lines that their commands did not end. */
  async end(): Promise<void> {
    for (const lines of this.#lines.values()) await this.#write(lines, lines.assembler.end());
  }

  async #write({ rank, stream }: Lines, lines: Buffer[]): Promise<void> {
    if (lines.length === 0) return;
    const { write, colours } = this.streams[stream];
    const prefix = Buffer.from(paintByRank(rank, this.#prefixes.of(rank, this.#hosts.get(rank) ?? ''), colours));
    await write(Buffer.concat(lines.flatMap((line) => [prefix, line, NEWLINE])));
  }
}
