import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogSink } from '../../../workers/log-sink.js';
import { until } from '../../helpers/until.js';

let dir: string;
const open: number[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-log-'));
});

afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(dir, { recursive: true });
});

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
}

it('writes lines in order', async () => {
  const path = join(dir, 'log');
  const sink = new LogSink(opened(path, 'a'));
  const lines = Array.from({ length: 1_000 }, (_, i) => `${i}\n`);
  for (const line of lines) sink.write(line);
  await until(() => readFileSync(path, 'utf8'), lines.join(''));
});

it('writes what was said last before the process ends', () => {
  const path = join(dir, 'log');
  const sink = new LogSink(opened(path, 'a'));
  sink.write('one\n');
  sink.write('two\n');
  sink.flush();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

it('a full disk makes nothing fail, also at the end of the process', async () => {
  const full = new LogSink(opened('/dev/full', 'w'));
  for (let i = 0; i < 3; i++) {
    full.write('lost\n');
    await new Promise((resolve) => setImmediate(resolve));
  }
  full.flush();
});

it('a reader that stands still holds nobody up; it hears of what it missed when it reads again', async () => {
  const path = join(dir, 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = new LogSink(opened(path, constants.O_WRONLY), 100_000);
  const line = `${'x'.repeat(9_999)}\n`;
  const written = () => {
    const buffer = Buffer.alloc(65_536);
    try {
      return buffer.toString('latin1', 0, readSync(reader, buffer));
    } catch {
      return '';
    }
  };
  // More than the pipe and the sink take.
  for (let i = 0; i < 50; i++) {
    sink.write(line);
    await new Promise((resolve) => setImmediate(resolve));
  }
  let seen = '';
  const read = () => {
    seen += written();
    return seen;
  };
  await until(read, (text) => text.length >= 100_000);
  let said = false;
  await until(
    () => {
      if (!said) sink.write('again\n');
      said = true;
      return read();
    },
    (text) => text.endsWith('again\n'),
  );
  const [told] = seen.split('\n').filter((each) => each.startsWith('{'));
  const whole = seen.split('\n').filter((each) => /^x{9999}$/.test(each)).length;
  expect(JSON.parse(told ?? '{}')).toMatchObject({ level: 'warn', event: 'lines-dropped', lines: 50 - whole });
});
