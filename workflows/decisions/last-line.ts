const MOST_CHARACTERS = 160;
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
  const characters = [...(line ?? '').trim()];
  return characters.length > MOST_CHARACTERS ? `${characters.slice(0, MOST_CHARACTERS - 1).join('')}…` : characters.join('');
}
