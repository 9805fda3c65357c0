import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { type FileEvents, kernelEvents } from './file-events.js';
import { isNodeError } from './node-error.js';
import { readCut } from './output-cap.js';
import { startFile } from './start-dir.js';

const LONGEST_LINE_BYTES = 65_536;

/**
 * A piece of a start's output. `nextOffset` is where the next piece begins; `size` is all that was written; `skippedBytes` are gone and would have stood before
 * this piece. All in bytes.
 */
export interface OutputPiece {
  data: Buffer;
  nextOffset: number;
  size: number;
  skippedBytes: number;
}

/** What the program wrote from this offset on, at most `maxBytes`; empty at the end, beyond it, and before there is any output. */
export function readOutput(dir: string, offset: number, maxBytes: number): OutputPiece {
  const nothing = { data: Buffer.alloc(0), nextOffset: offset, size: 0, skippedBytes: 0 };
  return withOutput(dir, nothing, (fd, size) => {
    for (;;) {
      const cut = readCut(dir);
      const inside = cut !== undefined && offset >= cut.from && offset < cut.to;
      const from = inside ? firstLine(fd, cut.to, size) : offset;
      const end = cut !== undefined && from < cut.from ? cut.from : size;
      const data = readAt(fd, from, Math.min(maxBytes, end - from));
      // What was freed while it was read came back as zeros.
      const now = readCut(dir);
      if (now !== undefined && now.to !== cut?.to && from + data.length > now.from && from < now.to) continue;
      return { data, nextOffset: from + data.length, size, skippedBytes: from - offset };
    }
  });
}

/** How many bytes the program has written. */
export function outputSize(dir: string): number {
  return statSync(startFile(dir, 'output'), { throwIfNoEntry: false })?.size ?? 0;
}

/** Where the first whole line begins after this offset, if it is near. */
function firstLine(fd: number, offset: number, size: number): number {
  const newline = readAt(fd, offset, Math.min(LONGEST_LINE_BYTES, size - offset)).indexOf(10);
  return newline < 0 ? offset : offset + newline + 1;
}

/**
 * The end of the output as text: at most `maxBytes` bytes of UTF-8, from the beginning of a line where one fits. Never half a
 * character; bytes that are no UTF-8 become U+FFFD.
 */
export function lastLines(dir: string, maxBytes = 1024): string {
  return withOutput(dir, '', (fd, size) => {
    // One byte more than wanted, to see whether the window begins a line.
    const from = Math.max(0, size - maxBytes - 1);
    let bytes = readAt(fd, from, size - from);
    if (from > 0) {
      const newline = bytes.subarray(0, -1).indexOf(10);
      bytes = bytes.subarray(newline >= 0 ? newline + 1 : firstCharacter(bytes));
    }
    return lastBytes(new TextDecoder().decode(bytes, { stream: true }), maxBytes);
  });
}

/** Resolves true when the output has grown beyond the offset, false after `ms` milliseconds or when the signal aborts. Never rejects. */
export function waitForOutput(dir: string, offset: number, ms: number, signal?: AbortSignal, events: FileEvents = kernelEvents): Promise<boolean> {
  const path = startFile(dir, 'output');
  const grown = () => outputSize(dir) > offset;
  return new Promise((resolve) => {
    let poll: NodeJS.Timeout | undefined;
    let source: { close(): void } | undefined;
    const finish = (answer: boolean) => {
      clearTimeout(limit);
      clearInterval(poll);
      source?.close();
      signal?.removeEventListener('abort', giveUp);
      resolve(answer);
    };
    const giveUp = () => finish(false);
    const check = () => {
      if (grown()) finish(true);
    };
    const limit = setTimeout(giveUp, ms);
    const pollInstead = () => {
      poll = setInterval(check, 250);
    };
    if (signal?.aborted) return giveUp();
    signal?.addEventListener('abort', giveUp);
    try {
      source = events(path, check, pollInstead);
    } catch {
      pollInstead();
    }
    check();
  });
}

function withOutput<T>(dir: string, missing: T, read: (fd: number, size: number) => T): T {
  let fd: number;
  try {
    fd = openSync(startFile(dir, 'output'), 'r');
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR')) return missing;
    throw error;
  }
  try {
    return read(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  if (length <= 0) return Buffer.alloc(0);
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
}

/** Where the first whole character begins: at most three continuation bytes are left over from one that was cut. */
function firstCharacter(bytes: Buffer): number {
  let at = 1; // the first byte is only there to be looked at
  while (at < 4 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

/** The text's end, cut between characters, in at most so many bytes. */
function lastBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const characters = [...text];
  let from = characters.length;
  for (let bytes = 0; from > 0; from--) {
    bytes += Buffer.byteLength(characters[from - 1] ?? '');
    if (bytes > maxBytes) break;
  }
  return characters.slice(from).join('');
}
