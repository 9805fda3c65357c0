import { expect, it } from 'vitest';
import { complete } from '../../../cli/completion/complete.js';
import { createProgram } from '../../../cli/program.js';

const program = createProgram(undefined);
const of = (line: string) => complete(program, line.split(' '));
const words = (line: string) => of(line).words.map(({ word }) => word);

it.each([
  ['st', ['status', 'stop']],
  ['quick', []],
  ['status --', ['--watch', '--json']],
  ['ps --phase s', ['starting', 'stopping', 'succeeded']],
  ['ps --phase running --na', ['--name']],
  ['ps -p qu', ['queued']],
  ['schedule a', ['apply']],
  ['schedule apply --i', ['--id']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['run --nodes ', []],
  ['status a-run ', []],
  ['nonsense ', []],
])('completes `%s` with %j', (line, expected) => {
  expect(words(line)).toEqual(expected);
});

it('says what a word is for', () => {
  expect(of('drai').words).toEqual([
    { word: 'drain', about: 'let a host get no further run; a run with a range, or with on_host_loss replace or shrink, leaves it, and any other goes on' },
  ]);
});

it.each([
  ['', null],
  ['status ', 'runs'],
  ['logs -r 1 ', 'runs'],
  ['logs --rank=1 wa', 'runs'],
  ['events --json ', 'runs'],
  ['stop ', 'running'],
  ['scale ', 'running'],
  ['scale a-run ', null],
  ['drain ', 'hosts'],
  ['schedule delete ', 'schedules'],
  ['run ', 'files'],
  ['check tas', 'files'],
  ['host --data ', 'files'],
  ['run -n 3 -- ec', 'files'],
  ['run -n ', null],
])('asks `%s` for %s', (line, ask) => {
  expect(of(line).ask).toBe(ask);
});

it('asks for the hosts of the fleet that is named', () => {
  expect(of('drain --fleet gpu h')).toMatchObject({ ask: 'hosts', fleet: 'gpu' });
});
