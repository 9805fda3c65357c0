import { createColors } from 'picocolors';

const wantsColour = (stream: NodeJS.WriteStream) => stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

/** Colours for stdout, and for stderr: none where it is no terminal. */
export const outColours = createColors(wantsColour(process.stdout));
export const errColours = createColors(wantsColour(process.stderr));

/** A line for programs: what was asked for. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One object a line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A line for people, on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function printError(message: string): void {
  say(errColours.red(message));
}

/** Bytes for stdout; resolves when there is room for more. */
export function writeOut(bytes: Buffer): Promise<void> {
  if (process.stdout.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => process.stdout.once('drain', () => resolve()));
}
