import type { OutputChunk } from '../spec/activities.js';

/** A piece of one start's output. */
export interface OutputPiece {
  /** As it was when this was written. */
  rank: number;
  host: string;
  startNumber: number;
  /** The generation in which it was written; null where the host's agent does not tell. */
  generation: number | null;
  /** When it was written, in epoch milliseconds of the server's clock, to about a tenth of a second; null where the host's agent does not tell. */
  atMs: number | null;
  data: Buffer;
}

const NEWLINE = 10;

/** The last bytes of what a chunk holds, from `from` on, by the moment at which they were written. */
export function splitByTime(data: Buffer, from: number, times: OutputChunk['times']): { atMs: number | null; data: Buffer }[] {
  const pieces: { atMs: number | null; data: Buffer }[] = [];
  let at = 0;
  let lastMs: number | null = null;
  for (const [bytes, atMs] of times ?? []) {
    if (at + bytes > from) pieces.push({ atMs, data: data.subarray(Math.max(at, from), at + bytes) });
    at += bytes;
    lastMs = atMs;
  }
  if (Math.max(at, from) < data.length) pieces.push({ atMs: lastMs, data: data.subarray(Math.max(at, from)) });
  return pieces.filter((piece) => piece.data.length > 0);
}

/** Where the first line begins of which the beginning is there: after a jump the line before it is not whole. */
export function firstWholeLine(data: Buffer): number {
  return data.indexOf(NEWLINE) + 1;
}

/**
 * What of a node's last lines, as its host told them before it went, goes beyond what was read of it: they may overlap. Where they do not
 * meet, something is missing between, and all of them are new.
 */
export function beyondRead(read: string, lastLines: string): string {
  if (read.includes(lastLines)) return '';
  for (let length = Math.min(read.length, lastLines.length); length > 0; length--) {
    if (read.endsWith(lastLines.slice(0, length))) return lastLines.slice(length);
  }
  return lastLines;
}
