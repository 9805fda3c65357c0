import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import headless from '@xterm/headless';

const IN_A_TERMINAL = fileURLToPath(new URL('../fixtures/in-a-terminal.py', import.meta.url));

/** A command in a real terminal (a pty), and the screen that a person would see: the escape codes are interpreted. */
export class TerminalSession {
  readonly #child;
  readonly #screen: headless.Terminal;
  /** All that was written, as it was. */
  written = '';
  /** 128 and a signal's number where that ended it. */
  readonly exit: Promise<number>;

  constructor(command: string[], env: NodeJS.ProcessEnv, { columns = 100, rows = 30 }: { columns?: number; rows?: number } = {}) {
    this.#screen = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 5_000 });
    this.#child = spawn('python3', [IN_A_TERMINAL, String(columns), String(rows), ...command], {
      ...{ env: { ...env, TERM: 'xterm-256color' }, stdio: ['pipe', 'pipe', 'inherit'] as const },
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.on('data', (data: Buffer) => {
      this.written += data.toString('latin1');
      this.#screen.write(data);
    });
    this.exit = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? -1)));
  }

  type(input: string): void {
    this.#tell({ input });
  }

  kill(signal: number): void {
    this.#tell({ signal });
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.#tell({ resize: [columns, rows] });
  }

  /** What stands on the screen and above it, without the empty lines at the end. */
  async lines(): Promise<string[]> {
    await new Promise<void>((resolve) => this.#screen.write('', resolve));
    const { active } = this.#screen.buffer;
    const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '');
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** What stands on the screen now. */
  async screen(): Promise<string> {
    const lines = await this.lines();
    return lines.slice(this.#screen.buffer.active.baseY).join('\n');
  }

  /** Ends what still runs in it. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  async text(): Promise<string> {
    return (await this.lines()).join('\n');
  }

  /** Whether the cursor can be seen, lines are wrapped, and what is written is shown at once: as it was before. */
  isRestored(): boolean {
    const last = (on: string, off: string) => this.written.lastIndexOf(on) >= this.written.lastIndexOf(off);
    return last('\x1b[?25h', '\x1b[?25l') && last('\x1b[?7h', '\x1b[?7l') && last('\x1b[?2026l', '\x1b[?2026h');
  }

  #tell(what: object): void {
    this.#child.stdin.write(`${JSON.stringify(what)}\n`);
  }
}
