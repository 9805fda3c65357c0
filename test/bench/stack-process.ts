import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** The command line as a process that ends with this one. It may be killed and started again. */
export class StackProcess {
  #child: ChildProcess | undefined;

  constructor(
    private readonly server: string,
    private readonly args: readonly string[],
    private readonly logFile: string,
  ) {}

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const env = { ...process.env, MUSTER_SERVER: this.server };
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, [MAIN, ...this.args, '--dev-stack'], { env, stdio: ['pipe', log, log] });
    closeSync(log);
    child.stdin?.on('error', () => {});
    this.#child = child;
  }

  /** Resolves when it is gone; for a signal that does not end it: at once. */
  async kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    if (signal === 'SIGTERM' || signal === 'SIGKILL') await gone;
  }

  /** As the end of a dev stack does: an agent ends its programs first. */
  async end(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end();
    await gone;
  }
}
