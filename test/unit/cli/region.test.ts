import headless from '@xterm/headless';
import { expect, it } from 'vitest';
import { Region } from '../../../cli/terminal/region.js';
import { type Line, lineOf } from '../../../cli/terminal/text.js';

/** A region in a terminal that interprets what is written, as the one before a person does. */
class Stage {
  readonly terminal: headless.Terminal;
  readonly region: Region;
  written = '';

  constructor(columns: number, rows: number) {
    const terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1_000 });
    this.terminal = terminal;
    this.region = new Region({
      write: (text) => this.write(text),
      get columns() {
        return terminal.cols;
      },
      get rows() {
        return terminal.rows;
      },
    });
  }

  write(text: string): void {
    this.written += text;
    this.terminal.write(text);
  }

  show(...lines: string[]): void {
    this.region.show(lines.map((text) => lineOf([{ text }], this.terminal.cols)));
  }

  above(...lines: string[]): void {
    this.region.above(() => this.write(lines.map((line) => `${line}\r\n`).join('')));
  }

  /** All lines, also those that have scrolled by, without the empty ones at the end. */
  async lines(): Promise<string[]> {
    await new Promise<void>((resolve) => this.terminal.write('', resolve));
    const { active } = this.terminal.buffer;
    const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '');
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }
}

it('draws its lines again in their place', async () => {
  const stage = new Stage(40, 10);
  stage.write('$ muster\r\n');
  stage.show('one', 'two', 'three');
  stage.show('one', 'TWO', 'three');
  expect(await stage.lines()).toEqual(['$ muster', 'one', 'TWO', 'three']);
  stage.show('1');
  expect(await stage.lines()).toEqual(['$ muster', '1']);
  stage.show('1', '2', '3');
  expect(await stage.lines()).toEqual(['$ muster', '1', '2', '3']);
  stage.region.clear();
  stage.write('$ ');
  expect(await stage.lines()).toEqual(['$ muster', '$ ']);
});

it('writes nothing where nothing changed, and only the lines that did', () => {
  const stage = new Stage(40, 10);
  stage.show('the first line', 'the second line');
  stage.written = '';
  stage.show('the first line', 'the second line');
  expect(stage.written).toBe('');
  stage.show('the first line', 'another line');
  expect(stage.written).toContain('another line');
  expect(stage.written).not.toContain('first');
});

it('keeps what is written above it, and itself at the bottom, also when the screen is full', async () => {
  const stage = new Stage(40, 6);
  stage.show('status a', 'status b');
  for (let i = 0; i < 20; i++) {
    stage.above(`output ${i}`);
    if (i % 5 === 0) stage.show(`status ${i}`, 'status b');
  }
  expect(await stage.lines()).toEqual([...Array.from({ length: 20 }, (_, i) => `output ${i}`), 'status 15', 'status b']);
});

it('stays whole when lines above are wider than the terminal, or leave their colours on', async () => {
  const stage = new Stage(10, 6);
  stage.show('status');
  stage.above('0123456789abcde', '\x1b[31mred');
  stage.show('Status');
  expect(await stage.lines()).toEqual(['0123456789', 'abcde', 'red', 'Status']);
  const cell = stage.terminal.buffer.active.getLine(3)?.getCell(0);
  expect(cell?.isFgDefault()).toBe(true);
});

it.each([
  ['narrower', 20],
  ['much narrower', 10],
  ['wider', 70],
])('is drawn in one piece after the terminal has become %s', async (_, columns) => {
  const stage = new Stage(40, 12);
  stage.write('before\r\n');
  const long = 'a line that takes nearly all the columns';
  stage.show(long, 'short', long);
  await stage.lines();
  stage.terminal.resize(columns, 12);
  stage.show('now', 'short', 'end');
  expect(await stage.lines()).toEqual(['before', 'now', 'short', 'end']);
});

it('takes one line each, whatever stands in it', async () => {
  const stage = new Stage(12, 10);
  const lines = ['日本語のホスト名です', 'a\nb\tc\x1b[2Jd', '👩‍👩‍👧‍👦 family 👍🏽 ok then', '\u202eevil\u202c', 'e\u0301e\u0301e\u0301'];
  stage.show(...lines);
  stage.show(...lines.map((line) => `${line} `), 'last');
  const shown = await stage.lines();
  expect(shown).toHaveLength(6);
  expect(shown[0]).toMatch(/^日本語のホ…/);
  expect(shown[1]?.trimEnd()).toBe('a b c�[2Jd');
  expect(shown[3]?.trimEnd()).toBe('�evil�');
  expect(shown[5]).toBe('last');
});

it('is one drawing for the terminal, whatever it writes', () => {
  const stage = new Stage(40, 10);
  stage.show('one');
  stage.above('output');
  stage.show('two');
  const frames = stage.written.split('\x1b[?2026h').slice(1);
  expect(frames).toHaveLength(3);
  for (const frame of frames) expect(frame.endsWith('\x1b[?2026l')).toBe(true);
});

it('never says that a line is wider than the terminal', () => {
  const widths = [0, 1, 2, 3, 8].map((columns) => lineOf([{ text: '日本語' }, { text: 'xyz' }], columns).width satisfies Line['width']);
  expect(widths).toEqual([0, 1, 1, 3, 8]);
});
