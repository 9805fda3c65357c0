import { createColors } from 'picocolors';
import type { Paints } from './run-view.js';

/** Colours for a live view: where it can be shown, there are some. */
export function paintsFor(stream: NodeJS.WriteStream): Paints {
  const { bold, dim, green, yellow, red } = createColors(stream.isTTY === true);
  return { strong: bold, faint: dim, good: green, warn: yellow, bad: red };
}
