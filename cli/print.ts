import { createColors } from 'picocolors';

const wantsColour = (stream: NodeJS.WriteStream) => stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

/** Colours for stdout, and for stderr: none where it is no terminal. */
export const outColours = createColors(wantsColour(process.stdout));
export const errColours = createColors(wantsColour(process.stderr));

/** A view at the bottom of the terminal. */
interface Bottom {
  /** Has something write whole lines above the view. */
  above(write: () => void): void;
  /** Takes the view away, as long as somebody else writes to the terminal. */
  pause(): void;
  resume(): void;
}

let bottom: Bottom | null = null;

/** From now on lines are written above this view; null: there is none any more. */
export function setBottom(view: Bottom | null): void {
  bottom = view;
}

/** For a question to whoever sits at the terminal. The view comes back when the function that is returned is called. */
export function pauseBottom(): () => void {
  const view = bottom;
  view?.pause();
  return () => view?.resume();
}

/** A line for programs: what was asked for. */
export function print(line: string): void {
  write(process.stdout, `${line}\n`);
}

/** One object a line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A line for people, on stderr. */
export function say(line: string): void {
  write(process.stderr, `${line}\n`);
}

export function printError(message: string): void {
  say(errColours.red(message));
}

/** Bytes for stdout; resolves when there is room for more. */
export function writeOut(bytes: Buffer): Promise<void> {
  return writeTo(process.stdout, bytes);
}

/** The same for stderr. */
export function writeErr(bytes: Buffer): Promise<void> {
  return writeTo(process.stderr, bytes);
}

function writeTo(stream: NodeJS.WriteStream, bytes: Buffer): Promise<void> {
  if (bottom !== null) {
    // A terminal takes what it is given at once.
    write(stream, bytes);
    return Promise.resolve();
  }
  if (stream.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => stream.once('drain', () => resolve()));
}

function write(stream: NodeJS.WriteStream, what: string | Buffer): void {
  if (bottom === null) stream.write(what);
  else bottom.above(() => stream.write(what));
}
