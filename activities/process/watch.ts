import { type FileEvents, kernelEvents } from './file-events.js';
import { readExit, shimAlive, startFile } from './start-dir.js';

const safetyPollMs = 1000;
const blindPollMs = 250;

/** What can become of a start, of which exactly one is told, once. */
export interface ExitListener {
  /** The program ended and its shim recorded it: the code as a shell tells it, the host's wall clock. */
  onExit(code: number, endedAtMs: number): void;
  /** The shim is dead and recorded nothing: it was killed, or it left without having been released. */
  onShimLost(): void;
}

/**
 * Watches a start to its end, whoever forked its shim: within milliseconds by the kernel's events, within 250 ms where it has none to give, and a
 * missed event costs 1 s at most. It tells at the earliest in the next turn of the event loop, and nothing after `close`. Keeps the event loop running.
 */
export function watchExit(dir: string, listener: ExitListener, events: FileEvents = kernelEvents): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let source: { close(): void } | undefined;
  let closed = false;

  const close = () => {
    closed = true;
    clearInterval(timer);
    source?.close();
  };
  const check = () => {
    if (closed) return;
    // Liveness first: a shim that is dead has recorded what it will ever record.
    const alive = shimAlive(dir);
    const exit = readExit(dir);
    if (exit === undefined && alive) return;
    close();
    if (exit !== undefined) listener.onExit(exit.code, exit.endedAtMs);
    else listener.onShimLost();
  };
  const poll = (everyMs: number) => {
    clearInterval(timer);
    if (!closed) timer = setInterval(check, everyMs);
  };

  poll(safetyPollMs);
  try {
    // The file alone, not the directory: output would make noise there.
    source = events(startFile(dir, 'exit'), check, () => poll(blindPollMs));
  } catch {
    poll(blindPollMs);
  }
  setImmediate(check);
  return { close };
}
