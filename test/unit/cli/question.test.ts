import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Detaching } from '../../../cli/detaching.js';
import { Interrupts } from '../../../cli/interrupts.js';
import { until } from '../../helpers/until.js';

const LIMIT_MS = 20_000;
let said = '';
let stops: unknown[] = [];
let asking: { dispose(): void } | undefined;
const run = {
  handle: 'x',
  stop: async (how?: unknown) => {
    stops.push(how);
    return {} as never;
  },
};

beforeEach(() => {
  said = '';
  stops = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
});
afterEach(() => {
  asking?.dispose();
  vi.restoreAllMocks();
});

/** Somebody who sits at a terminal. */
function terminal() {
  const [input, output] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: true })];
  let shown = '';
  output.on('data', (text) => {
    shown += text;
  });
  return { place: { input, output }, type: (text: string) => void input.write(text), shown: () => shown };
}
const ctrlC = () => void process.emit('SIGINT');

function attached() {
  const { place, ...own } = terminal();
  const detaching = new Detaching(run, place);
  asking = detaching;
  ctrlC();
  expect(detaching.signal.aborted).toBe(false);
  return { detaching, ...own };
}
function started() {
  const { place, ...own } = terminal();
  const interrupts = new Interrupts(place);
  asking = interrupts;
  interrupts.about(run);
  ctrlC();
  expect(stops).toEqual([]);
  return { interrupts, ...own };
}

it.each([
  ['muster attach', () => attached().detaching],
  ['muster run', () => started().interrupts],
])('the question of %s is taken away when the run ends, and nobody has answered it', async (_, ask) => {
  const own = ask();
  own.ended();
  own.dispose();
  await new Promise(setImmediate);
  expect([said, stops]).toEqual(['', []]);
  if (own instanceof Detaching) expect(own.signal.aborted).toBe(false);
  else expect(own.exitCode).toBeUndefined();
});

it('SIGTERM at the question of muster attach leaves, with its own code', () => {
  const { detaching } = attached();
  process.emit('SIGTERM');
  expect(detaching.signal.reason).toMatchObject({ code: 143 });
  expect(said).toBe('x goes on; `muster attach x` follows it again\n');
});

it('SIGTERM at the question of muster run stops the run, and nothing else is said', () => {
  const { interrupts } = started();
  process.emit('SIGTERM');
  expect([interrupts.exitCode, said]).toEqual([143, 'Stopping x; once more kills its programs\n']);
  expect(stops).toEqual([{ mode: 'graceful' }]);
});

it.each([
  ['n\r', 'x goes on; `muster attach x` follows it again\n'],
  ['\r', 'x goes on; `muster attach x` follows it again\n'],
  ['\x03', 'x goes on; `muster attach x` follows it again\n'],
  ['\x04', 'x goes on; `muster attach x` follows it again\n'],
  ['yes\r', 'Stopping x; Ctrl-C leaves it to itself\n'],
])('%j at the question of muster attach', async (typed, answer) => {
  const { detaching, type, shown } = attached();
  expect(shown()).toContain('Stop run x? Else it goes on without you [y/N] ');
  type(typed);
  await until(() => said, answer, LIMIT_MS);
  expect(stops).toHaveLength(typed === 'yes\r' ? 1 : 0);
  expect(detaching.signal.aborted).toBe(typed !== 'yes\r');
});

it('who leaves a run that he is stopping is not told that it goes on', async () => {
  const { detaching, type } = attached();
  type('y\r');
  await until(() => detaching.stopped, true, LIMIT_MS);
  ctrlC();
  expect(said).toBe('Stopping x; Ctrl-C leaves it to itself\nx is being stopped; `muster attach x` follows it again\n');
  expect(detaching.signal.reason).toMatchObject({ code: 130 });
});

it.each([
  ['n\r', 'x goes on; following\n', undefined],
  ['\x04', 'x goes on; following\n', undefined],
  ['\r', 'Stopping x; once more kills its programs\n', 130],
  ['\x03', 'Stopping x; once more kills its programs\n', 130],
])('%j at the question of muster run', async (typed, answer, code) => {
  const { interrupts, type, shown } = started();
  expect(shown()).toContain('Stop run x? [Y/n] ');
  type(typed);
  await until(() => said, answer, LIMIT_MS);
  expect([interrupts.exitCode, stops.length]).toEqual([code, code === undefined ? 0 : 1]);
});
