import { type ChildProcess, spawn } from 'node:child_process';
import { isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { forkerScript, shimScript, waiterScript } from './shim-script.js';
import { releaseShim } from './start-dir.js';

const answerLimitMs = 10_000;
/** A shim that was forked before its forker died answers all the same. */
const lastAnswerMs = 1000;

/** The forker died before it answered. Nothing was started that is not told to leave. */
export class ForkerDied extends Error {}

interface Ticket {
  dir: string;
  resolve(shim: { pid: number }): void;
  reject(error: Error): void;
}

/** One small process that forks shims on demand, all with the same environment. */
export class Forker {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #tickets = new Map<string, Ticket>();
  #lastTicket = 0;
  #unread = '';
  #ended = false;

  constructor(of: { baseEnv: Readonly<Record<string, string>>; bootId: string; pidNamespace: string; sh: string }) {
    const child = spawn(of.sh, ['-c', forkerScript, 'muster-forker', of.sh, shimScript, waiterScript, of.bootId, of.pidNamespace], {
      cwd: '/',
      env: of.baseEnv,
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child = child;
    this.#input = child.stdin;
    child.on('error', (error) => this.#end(error));
    child.on('exit', () => this.#died());
    child.stdin.on('error', () => this.#died());
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#hold(false);
  }

  /** False once the process is known to be gone. */
  get usable(): boolean {
    return !this.#ended;
  }

  /** As `forkShim`. */
  fork(dir: string, cookie = ''): Promise<{ pid: number }> {
    if (!isAbsolute(dir) || dir.includes('\n')) return Promise.reject(new Error(`Not an absolute path on one line: ${JSON.stringify(dir)}`));
    if (/\s/.test(cookie)) return Promise.reject(new Error(`A cookie holds no white space: ${JSON.stringify(cookie)}`));
    const ticket = String(++this.#lastTicket);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#settle(ticket, (it) => it.reject(new Error(`The shim in ${dir} was not ready after ${answerLimitMs / 1000} s`)));
        releaseShim(dir, 'abort');
      }, answerLimitMs);
      this.#tickets.set(ticket, {
        dir,
        resolve: (shim) => {
          clearTimeout(late);
          resolve(shim);
        },
        reject: (error) => {
          clearTimeout(late);
          reject(error);
        },
      });
      this.#hold(true);
      this.#input.write(`${ticket} ${cookie}\n${dir}\n`);
    });
  }

  #read(text: string): void {
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) {
      const [, ticket = '', answer, rest = ''] = /^(\d+) (ready|failed) (.*)$/.exec(line) ?? [];
      if (answer === 'ready') this.#settle(ticket, (it) => it.resolve({ pid: Number(rest) }));
      if (answer === 'failed') this.#settle(ticket, (it) => it.reject(new Error(`No shim in ${it.dir}: ${rest}`)));
    }
  }

  #settle(id: string, how: (ticket: Ticket) => void): void {
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) return;
    this.#tickets.delete(id);
    if (this.#tickets.size === 0) this.#hold(false);
    how(ticket);
  }

  #died(): void {
    this.#ended = true;
    setTimeout(() => this.#end(new ForkerDied('The process that forks shims died')), lastAnswerMs).unref();
  }

  #end(error: Error): void {
    this.#ended = true;
    for (const id of [...this.#tickets.keys()]) {
      this.#settle(id, (it) => {
        it.reject(error);
        releaseShim(it.dir, 'abort');
      });
    }
  }

  /** Keeps the event loop running only while an answer is awaited. */
  #hold(wanted: boolean): void {
    const handles = [this.#child, this.#child.stdin, this.#child.stdout] as unknown as (ChildProcess & Readable & { ref(): void; unref(): void })[];
    for (const handle of handles) wanted ? handle.ref() : handle.unref();
  }
}
