import { z } from 'zod';
import { found } from './problem.js';
import { expected, type Read, reading } from './words.js';

/** How a program is looked at from outside. Exactly one of the two is given. */
export interface Probe {
  /** port: a TCP port that the program listens on, at the node's own address. */
  port: number | null;
  /** command: tried in the node's environment and directory until it exits with 0. */
  command: string | null;
}

const port = reading(z.number({ error: expected('a port from 1 to 65535') }), (value): Read<number> => {
  const isPort = Number.isInteger(value) && value >= 1 && value <= 65_535;
  return isPort ? { value } : { refused: `expected a port from 1 to 65535, got ${found(value)}` };
});

/** A command as one text, which a shell reads. */
export const commandText = reading(z.string({ error: expected('a command as text') }), (value): Read<string> => {
  if (value.includes('\0')) return { refused: 'expected a command as text, got a NUL byte in it' };
  return value.trim() === '' ? { refused: `expected a command as text, got ${found(value)}` } : { value };
});

/** The keys of a map that holds a probe. */
export const probeFields = { port: port.nullish(), command: commandText.nullish() };

/** The probe in a map that has passed `probeFields`; `what` names the map in the sentence that refuses both or neither. */
export function readProbe(given: { port?: number | null | undefined; command?: string | null | undefined }, what: string): Read<Probe> {
  const probe = { port: given.port ?? null, command: given.command ?? null };
  if (probe.port === null && probe.command === null) return { refused: `expected ${what}, got neither` };
  return probe.port !== null && probe.command !== null ? { refused: `expected ${what}, got both` } : { value: probe };
}
