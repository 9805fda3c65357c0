/** UTF-8, of each of up to 2,000 nodes: the record of a run has to stay small. */
const MOST_BYTES = 160;
const MARK = '…';
const ESC = String.fromCharCode(27);
/** Colours and moves of the cursor; titles and links; the rest of what begins with ESC. */
const ESCAPES = new RegExp([`${ESC}\\[[0-9;?]*[ -/]*[@-~]`, `${ESC}\\][^${ESC}\\n]*?(?:\\x07|${ESC}\\\\)`, `${ESC}[@-Z\\\\^_]?`].join('|'), 'g');

/** Output as text: without colours, and of a progress bar only what it shows last. */
export function plainOutput(output: string): string {
  const lines = output.replace(ESCAPES, '').split('\n');
  return lines.map((line) => withoutControls(line.replace(/\r+$/, '').replace(/^.*\r/s, ''))).join('\n');
}

function withoutControls(line: string): string {
  return line.replace(/\p{Cc}/gu, (mark) => (mark === '\t' ? mark : ''));
}

/** The last line that says something, cut where it is long. */
export function lastLineOf(output: string): string {
  const line = plainOutput(output)
    .split('\n')
    .findLast((each) => each.trim() !== '');
  const text = (line ?? '').trim();
  const whole = firstBytes(text, MOST_BYTES);
  return whole === text ? text : firstBytes(text, MOST_BYTES - sizeOf(MARK)) + MARK;
}

/** The beginning of a text, cut between characters, in at most so many bytes. */
function firstBytes(text: string, most: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += sizeOf(character);
    if (bytes > most) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Of one character, in bytes of UTF-8. */
function sizeOf(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
