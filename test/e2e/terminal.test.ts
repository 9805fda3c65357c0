import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Muster, type SearchOptions } from '../../client/index.js';
import { registerCommand, SEARCH_ATTRIBUTE_NAMES } from '../../spec/search-attributes.js';
import { MAIN, type Machines, muster, startMachines } from '../helpers/machines.js';
import { untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { TerminalSession } from '../helpers/terminal.js';
import { until } from '../helpers/until.js';

const LIMIT_MS = 30_000;
const [SIGHUP, SIGTERM] = [1, 15];

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(31, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => {
  for (const session of sessions) session.close();
  return machines.stop();
});

const sessions: TerminalSession[] = [];
function inTerminal(args: string[], size?: { columns?: number; rows?: number }): TerminalSession {
  const session = new TerminalSession([process.execPath, MAIN, ...args], machines.env, size);
  sessions.push(session);
  return session;
}
const untilShown = (session: TerminalSession, what: RegExp | string, limitMs = LIMIT_MS) =>
  until(
    () => session.screen(),
    (text) => (typeof what === 'string' ? text.includes(what) : what.test(text)),
    limitMs,
  );

it('keeps a live status below the output of a run, and leaves the output and the outcome', async () => {
  const go = join(machines.dir, 'go');
  const script = `echo begun; while [ ! -e ${go} ]; do sleep 0.1; done; [ $DSTACK_NODE_RANK = 1 ] && [ $MUSTER_START_NUMBER = 1 ] && exit 3; seq -f 'line %g' 30`;
  const task = join(machines.dir, 'task.yml');
  writeFileSync(task, JSON.stringify({ name: 'live', nodes: 3, commands: [script], restart: { attempts: 2, scope: 'node' } }));
  const session = inTerminal(['run', task, '--id', 'live'], { columns: 90, rows: 24 });
  await untilShown(session, /live {2}running/);
  await untilShown(session, /2 host-3 +│ begun/);
  const shown = await session.lines();
  const status = shown.findIndex((line) => line.startsWith('live  running'));
  expect(shown.slice(status).map((line) => line.replace(/\d+ s$/, 'N s'))).toEqual([
    expect.stringMatching(/^live {2}running {2}N s$/),
    'generation 1 · 3 running · 0 restarts, 2 left',
    'RANK  HOST    ADDRESS     STATE    SINCE',
    '   0  host-1  127.31.0.1  running  N s',
    '   1  host-2  127.31.0.2  running  N s',
    '   2  host-3  127.31.0.3  running  N s',
  ]);
  expect(shown.slice(0, status).filter((line) => line.includes('begun'))).toHaveLength(3);
  machines.touch(go);
  expect(await session.exit).toBe(0);
  const lines = await session.lines();
  for (const [rank, host] of ['host-1', 'host-2', 'host-3'].entries()) {
    const own = lines.filter((line) => line.startsWith(`${rank} ${host}`)).map((line) => line.split('│ ')[1]);
    const twice = rank === 1 ? ['begun'] : [];
    expect(own).toEqual(['begun', ...twice, ...Array.from({ length: 30 }, (_, i) => `line ${i + 1}`)]);
  }
  expect(lines.at(-1)).toMatch(/^live succeeded: All 3 nodes exited with code 0/);
  expect(lines.filter((line) => /RANK|live {2}running/.test(line))).toEqual([]);
  expect(session.isRestored()).toBe(true);
});

it('asks whether the run is to be stopped, with the live status out of the way, and goes on with it', async () => {
  const session = inTerminal(['run', '-n', '2', '--id', 'asked', '--', 'echo begun; sleep 1000'], { columns: 90, rows: 24 });
  await untilShown(session, /asked {2}running/);
  const { runId } = await untilPhase(machines.client, 'asked', 'running');
  session.type('\x03');
  await untilShown(session, 'Stop run asked? [Y/n]');
  expect(session.isRestored()).toBe(true);
  expect(await session.text()).not.toMatch(/asked {2}running/);
  session.type('n\r');
  await untilShown(session, /asked goes on; following\n(.*\n)*asked {2}running/);
  const attached = inTerminal(['attach', 'asked'], { columns: 90, rows: 24 });
  await untilShown(attached, /asked {2}running/);
  attached.type('\x03');
  await untilShown(attached, 'Stop run asked? Else it goes on without you [y/N]');
  session.type('\x03');
  await until(async () => (await session.text()).split('[Y/n]').length, 3, LIMIT_MS);
  session.type('\r');
  expect(await session.exit).toBe(130);
  expect(await session.text()).toMatch(/Stopping asked; once more kills its programs\n(.*\n)*asked cancelled: The run was stopped/);
  expect(session.isRestored()).toBe(true);
  // The end of the run goes before an answer to the question.
  expect(await attached.exit).toBe(5);
  expect(await attached.text()).toMatch(/without you \[y\/N\](.*\n)+asked cancelled: The run was stopped/);
  expect(await attached.text()).not.toContain('goes on; ');
  expect(attached.isRestored()).toBe(true);
  await untilNothingLeft(runId);
});

it('watches runs and hosts in terminals that are resized, and puts these back whatever ends it', async () => {
  await muster(['run', '--detach', '-n', '3', '--id', 'watched', '--', 'sleep 1000'], machines.env);
  const { runId } = await untilPhase(machines.client, 'watched', 'running');
  const watches = [
    ['status', 'watched', '--watch'],
    ['hosts', '--watch'],
    ['status', 'watched', '-w'],
  ].map((args) => inTerminal(args, { columns: 100, rows: 20 }));
  const [run, fleet, other] = watches as [TerminalSession, TerminalSession, TerminalSession];
  await untilShown(run, /2 {2}host-3 {2}127\.31\.0\.3 {2}running/);
  await untilShown(fleet, /host-2 {2}127\.31\.0\.2 {2}held .* watched/);
  await untilShown(other, /watched {2}running/);
  run.resize(30, 20);
  await untilShown(run, /^watched {2}running .*\n.*\n.*\n +0 {2}host-1 .*\n +1 {2}host-2 .*\n +2 {2}host-3 .*$/);
  run.resize(100, 6);
  await untilShown(run, /^watched {2}running .*\n.*\nRANK .*\n +0 {2}host-1 .*\n… and 2 more running$/);
  expect(run.written).not.toContain('�');
  other.kill(SIGHUP);
  expect(await other.exit).toBe(128 + SIGHUP);
  fleet.type('\x03');
  expect(await fleet.exit).toBe(130);
  expect(await fleet.text()).toMatch(/^fleet default {2}3 hosts · 3 held/);
  expect(await fleet.text()).not.toContain('^C');
  const last = inTerminal(['status', 'watched', '--watch']);
  await untilShown(last, /watched {2}running/);
  last.kill(SIGTERM);
  expect(await last.exit).toBe(143);
  const [, plain] = await Promise.all([
    muster(['stop', 'watched'], machines.env),
    muster(['status', 'watched', '--watch'], { ...machines.env, NO_COLOR: '1' }),
  ]);
  expect(plain.stdout).toMatch(/cancelled: The run was stopped/);
  expect(plain.stdout).not.toContain('\x1b');
  expect(await run.exit).toBe(0);
  expect(await run.text()).toMatch(/^watched cancelled: The run was stopped$/m);
  for (const session of [...watches, last]) expect(session.isRestored()).toBe(true);
  await untilNothingLeft(runId);
}, 120_000);

it('names who has not answered while a run gathers', async () => {
  const frozen = await machines.startHost('host-4');
  frozen.kill('SIGSTOP');
  await muster(['run', '--detach', '-n', '4', '--id', 'gathers', '--', 'true'], machines.env);
  const session = inTerminal(['status', 'gathers', '--watch']);
  try {
    const shown = await untilShown(session, '3 of 4 hosts have answered; waiting for host-4');
    expect(shown).toMatch(/- {2}host-3 {2}- +ready /);
    expect(shown).toMatch(/- {2}host-4 {2}- +gathering /);
  } finally {
    frozen.kill('SIGCONT');
  }
  expect(await session.exit).toBe(0);
  expect(await session.text()).toContain('gathers succeeded: All 4 nodes exited with code 0');
});

it('tells the story of a run that restarted and ended, to people and to programs', async () => {
  const script = '[ $MUSTER_START_NUMBER = 1 ] && [ $DSTACK_NODE_RANK = 1 ] && exit 7; sleep 0.2';
  const file = join(machines.dir, 'story.yml');
  writeFileSync(file, JSON.stringify({ name: 'story', nodes: 2, commands: [script], restart: 1 }));
  expect((await muster(['run', file, '--id', 'story'], machines.env)).code).toBe(0);
  const [noRun, noHandle, none, told, asJson, newest] = await Promise.all([
    muster(['status', 'muster-fleet-default'], machines.env),
    muster(['stop', ''], machines.env),
    muster(['ps', '--name', 'nobody'], machines.env),
    muster(['events', 'story'], machines.env),
    muster(['events', 'story', '--json'], machines.env),
    muster(['events', 'story', '--limit', '1'], machines.env),
  ]);
  expect([noRun.code, noRun.stderr]).toEqual([2, 'There is no run muster-fleet-default; `muster ps` lists the runs\n']);
  expect([noHandle.code, noHandle.stderr]).toEqual([2, 'An empty text names no run; `muster ps` lists the runs\n']);
  expect([none.code, none.stdout, none.stderr.split('\n')[0]]).toEqual([0, '', 'No run is as asked for']);
  const steps = [
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d) {2}submitted {2}The task story was submitted by \d+@/,
    / queued {5}Waiting for 2 hosts of the fleet default$/,
    / granted {4}The fleet has granted host-\d and host-\d$/,
    / gathered {3}host-\d and host-\d are ready$/,
    / sealed {5}The list of generation 1 is sealed: 0 host-\d 127\.31\.0\.\d and 1 host-\d 127\.31\.0\.\d$/,
    / started {4}All 2 nodes were released together in generation 1$/,
    / failed {5}Node 1 on host-\d exited with code 7 in generation 1; all nodes start again, 0 of 1 restart left$/,
    / sealed {5}The list of generation 2 is sealed \(restart\): /,
    / started {4}All 2 nodes were released together in generation 2$/,
    / ended {6}Succeeded: All 2 nodes exited with code 0$/,
  ];
  const lines = told.stdout.trim().split('\n');
  let at = -1;
  for (const step of steps) {
    const next = lines.findIndex((line, i) => i > at && step.test(line));
    expect([String(step), next, lines]).toEqual([String(step), expect.toSatisfy((found: number) => found > at), lines]);
    at = next;
  }
  expect(
    asJson.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).message),
  ).toEqual(lines.map((line) => line.replace(/^\S+ \S+ +\S+ +/, '')));
  expect(newest.stdout).toBe(`${lines.at(-1)}\n`);
  expect((await muster(['events', 'no-such-run'], machines.env)).stderr).toContain('There is no run no-such-run');
});

it('lists runs by phase and name, with the search attributes of the namespace and without', async () => {
  const { client, temporalBinary, address } = machines;
  await Promise.all([
    muster(['run', '--detach', '--name', 'alpha', '--id', 'alpha-1', '--', 'sleep 1000'], machines.env),
    muster(['run', '--name', 'beta', '--id', 'beta-1', '--', 'true'], machines.env),
    muster(['run', '--name', 'alpha', '--id', 'alpha-2', '--', 'exit 9'], machines.env),
  ]);
  await untilPhase(client, 'alpha-1', 'running');
  const { runs } = new Muster(client);
  const expectations: [SearchOptions, string[]][] = [
    [{ name: 'alpha', phases: ['failed'] }, ['alpha-2']],
    [{ name: 'alpha' }, ['alpha-1', 'alpha-2']],
    [{ name: 'alpha', phases: ['running'] }, ['alpha-1']],
    [{ name: 'alpha', phases: ['running', 'failed'] }, ['alpha-1', 'alpha-2']],
    [{ name: 'beta', phases: ['succeeded'] }, ['beta-1']],
    [{ name: 'beta', phases: ['failed'] }, []],
    // Those that go on come first.
    [{ name: 'alpha', limit: 1 }, ['alpha-1']],
  ];
  const search = () => Promise.all(expectations.map(async ([options]) => [options, (await runs.search(options)).runs.map(({ summary }) => summary.run)]));
  // Temporal's list is a moment behind.
  await until(search, expectations, LIMIT_MS);
  const [, words = ''] =
    /^temporal (operator search-attribute create .*)$/m.exec(readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8')) ?? [];
  expect(words).toBe(registerCommand(SEARCH_ATTRIBUTE_NAMES, { namespace: 'default' }).replace('temporal ', '').replace('--namespace default ', ''));
  // Where they are registered, it changes nothing.
  spawnSync(temporalBinary, [...words.split(' '), '--address', address]);
  await until(async () => (await runs.search({ name: 'alpha' })).by, 'attributes', LIMIT_MS);
  await until(search, expectations, LIMIT_MS);
  const shown = await muster(['ps', '--name', 'alpha', '--phase', 'running'], machines.env);
  expect(shown.stdout).toMatch(/^RUN +PHASE +NODES +AGE +TOOK +MESSAGE\nalpha-1 +running +1 +\d+ s +.*The node was released\n$/);
  expect(shown.stderr).toBe('');
  const wrong = await muster(['ps', '--phase', 'runing'], machines.env);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--phase takes one of queued, gathering')]);
  await runs.get('alpha-1').stop({ mode: 'now' });
});

const SHELLS: [string, string[], string[]][] = [
  ['bash', ['--norc', '--noprofile'], ['source <(muster completion bash)']],
  ['zsh', ['-f'], ['autoload -Uz compinit && compinit -u -D', 'source <(muster completion zsh)']],
  ['fish', ['--no-config'], ['muster completion fish | source']],
];
/** A server that is busy may not answer as soon as Tab must: then nothing is completed, and one presses it again. */
async function untilCompleted(session: TerminalSession, expected: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    session.type('\t');
    try {
      await untilShown(session, expected, 8_000);
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

const isInstalled = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

it.each(SHELLS.filter(([shell]) => isInstalled(shell)))(
  'completes verbs, options, runs and hosts in %s',
  async (shell, options, setup) => {
    const bin = join(machines.dir, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'muster'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
    chmodSync(join(bin, 'muster'), 0o755);
    const id = `at-2026-05-03T02:59:00Z-${shell}`;
    await muster(['run', '--detach', '--id', id, '--', 'true'], machines.env);
    await until(async () => (await new Muster(machines.client).runs.list({ limit: 200 })).some(({ run }) => run === id), true, LIMIT_MS);
    const env = { ...machines.env, PATH: `${bin}:${process.env['PATH']}`, PS1: '> ', HOME: machines.dir };
    const session = new TerminalSession([shell, ...options, '-i'], env, { columns: 120, rows: 40 });
    sessions.push(session);
    const documented = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8');
    expect(documented).toMatch(new RegExp(`^${setup.at(-1)?.replace(/[<(|)]/g, '\\$&')} +#`, 'm'));
    for (const line of setup) session.type(`${line}\r`);
    session.type('echo rea""dy\r');
    await untilShown(session, /^ready$/m);
    const typed: [string, string][] = [
      ['muster even', 'muster events'],
      [`muster status at-2026-05-03T02:59:00Z-${shell.slice(0, 2)}`, `muster status ${id}`],
      ...(shell === 'bash'
        ? ([
            ['muster status --wa', 'muster status --watch'],
            ['muster drain ho', 'muster drain host-'],
          ] as [string, string][])
        : []),
    ];
    for (const [keys, expected] of typed) {
      session.type(keys);
      await untilCompleted(session, expected);
      session.type('x\x15');
      await until(async () => (await session.screen()).split('\n').at(-1)?.includes('muster') ?? false, false, LIMIT_MS);
    }
  },
  150_000,
);

it('completes nothing, and says nothing, where no server answers', async () => {
  const { code, stdout, stderr } = await muster(['__complete', '--', 'status', ''], { ...machines.env, MUSTER_SERVER: '', TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect([code, stdout, stderr]).toEqual([0, '', '']);
});
