import { cut, pad, printable, type Span, widthOf } from './text.js';

/** A column of a table in a live view. */
export interface Column {
  head: string;
  /** Numbers stand at the right. */
  side?: 'left' | 'right';
  /** It may be cut down to so many columns where the table is too wide; without it, it is not. */
  least?: number;
}

const GAP = '  ';

/** A table as lines of spans, its head first. Where it is wider than the terminal, the widest columns that may be cut are. */
export function tableOf(columns: readonly Column[], rows: readonly (readonly Span[])[], available: number, head: Span['paint']): Span[][] {
  const cells = rows.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })));
  const widths = columns.map((column, i) => Math.max(widthOf(column.head), ...cells.map((row) => widthOf(row[i]?.text ?? ''))));
  shrink(widths, columns, available);
  const lay = (row: readonly Span[]) =>
    row.flatMap((cell, i): Span[] => {
      const width = widths[i] ?? 0;
      const isLast = i === columns.length - 1;
      const text = cut(cell.text, width);
      // Painted with its padding, the rest of a line stays where it is.
      const shown = isLast && columns[i]?.side !== 'left' ? text : pad(text, width, columns[i]?.side === 'left' ? 'left' : 'right');
      return [{ ...cell, text: shown }, ...(isLast ? [] : [{ text: GAP }])];
    });
  return [lay(columns.map(({ head: text }) => ({ text, ...(head ? { paint: head } : {}) }))), ...cells.map(lay)];
}

function shrink(widths: number[], columns: readonly Column[], available: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
  while (total() > available) {
    const cuttable = widths.flatMap((width, i) => (width > (columns[i]?.least ?? Number.POSITIVE_INFINITY) ? [i] : []));
    const widest = cuttable.toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) return;
    widths[widest] = (widths[widest] ?? 1) - 1;
  }
}
