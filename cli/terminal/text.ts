import stringWidth from 'string-width';

/** How a piece of text is painted; changes nothing of its width. */
export type Paint = (text: string) => string;

/** A piece of a line: text without control characters, and its paint. */
export interface Span {
  text: string;
  paint?: Paint;
}

/** One line as the terminal gets it, and how many columns it takes. */
export interface Line {
  painted: string;
  width: number;
}

const ELLIPSIS = '…';
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Text of people and machines on one line: line breaks and tabs become spaces; what would move the cursor, start an escape code or turn the direction of
 * writing becomes `�`.
 */
export function printable(text: string): string {
  return text.replace(/[\r\n]+|[^\S ]/g, ' ').replace(/[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** How many columns a text takes, as terminals count: wide characters take two. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** As much of the text as fits, with an ellipsis where something was cut off. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - widthOf(ELLIPSIS);
  if (left < 0) return '';
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}${ELLIPSIS}`;
}

/** Fills up with spaces; a text that is wider stays as it is. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return side === 'left' ? space + text : text + space;
}

/** The spans as one line of at most so many columns. What they hold is made printable. */
export function lineOf(spans: readonly Span[], columns: number): Line {
  let painted = '';
  let width = 0;
  for (const { text, paint } of spans) {
    const shown = cut(printable(text), columns - width);
    if (shown === '') continue;
    painted += paint ? paint(shown) : shown;
    width += widthOf(shown);
    if (shown !== printable(text)) break;
  }
  return { painted, width };
}
