import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runCommand } from '../../../activities/host/run-command.js';
import { liveProcesses } from '../../../activities/process/carriers.js';
import { killLeftCommands } from '../../../activities/process/command.js';
import { readProgram } from '../../../activities/process/start-dir.js';
import type { CommandLine, StartCommandInput } from '../../../spec/commands.js';
import { until } from '../../helpers/until.js';
import { lives } from '../process/starts.js';
import { OneHost } from './one-host.js';

/** So much of its output is kept, the newest. */
const KEPT = 16 * 2 ** 20;

/** A command beside the program of a host's node, as a client speaks with it. */
class Beside {
  readonly id = randomUUID();
  offset = 0;
  stdout = '';
  stderr = '';

  constructor(
    private readonly host: OneHost,
    private readonly command: CommandLine,
    private readonly more: Partial<StartCommandInput> = {},
  ) {}

  start() {
    const input = { runId: this.host.run.runId, startNumber: 1, id: this.id, command: this.command, stdin: false, leaseMs: 30_000, limitMs: 60_000 };
    return runCommand(this.host.agent, this.host.seats, { ...input, ...this.more });
  }

  async read(waitMs = 5_000) {
    const chunk = await this.host.agent.commands.read({ id: this.id, offset: this.offset, waitMs });
    if (chunk.kind === 'unknown') return 'unknown';
    // What floods writes more than a string holds.
    for (const [stream, data] of chunk.pieces) {
      this[stream] += Buffer.from(data, 'base64').toString('latin1');
      if (this[stream].length > 2 * KEPT) this[stream] = this[stream].slice(-KEPT);
    }
    this.offset = chunk.nextOffset;
    return chunk.end;
  }

  async end() {
    for (;;) {
      const end = await this.read();
      if (end !== null) return end;
    }
  }

  /** Reads until this is among what was written to stdout, and gives what stands after it in its line. */
  async says(text: string): Promise<string> {
    await until(
      () => this.read(100).then(() => this.stdout),
      (seen) => seen.includes(text),
      10_000,
    );
    return this.stdout.slice(this.stdout.indexOf(text) + text.length).split('\n')[0] ?? '';
  }

  feed(offset: number, text: string, end = false) {
    return this.host.agent.commands.feed({ id: this.id, offset, data: Buffer.from(text).toString('base64'), end });
  }

  signal(signal: string) {
    this.host.agent.commands.signal({ id: this.id, signal });
  }
}

async function beside(command: string | string[], more: Partial<StartCommandInput> = {}, host = new OneHost({})) {
  if (host.seats.ofRun(host.run.runId).length === 0) await host.running();
  const it = new Beside(host, typeof command === 'string' ? { line: command } : { words: command }, more);
  expect(await it.start()).toEqual({ kind: 'started', startNumber: 1 });
  return { host, it };
}

const ended = (code: number, reason = 'exited') => ({ code, reason });

it('has the environment and the directory of the program, and the shell of the task', async () => {
  const host = new OneHost({ commands: ['env -0 > $WHERE/env; pwd > $WHERE/pwd; exec sleep 1000'], env: { MINE: 'a "b"\n$c', PS4: 'x' } });
  await host.running();
  await until(
    () => host.wrote('pwd'),
    (text) => text?.endsWith('\n') === true,
  );
  const { it } = await beside('env -0; pwd >&2; echo "${BASH_VERSION:+bash}" >&2', {}, host);
  expect(await it.end()).toEqual(ended(0));
  const own = new Set(host.wrote('env')?.split('\0'));
  const differ = it.stdout.split('\0').filter((each) => !own.has(each));
  expect(differ.map((each) => each.split('=')[0])).toEqual(['MUSTER_EXEC_ID']);
  expect(it.stderr).toBe(`${host.wrote('pwd')}bash\n`);
});

it('keeps the words of a command, and ends with its code, or 128 and the signal', async () => {
  const { it: words, host } = await beside(['printf', '%s|', 'a b', '$HOME', "it's", '']);
  expect([await words.end(), words.stdout]).toEqual([ended(0), "a b|$HOME|it's||"]);
  expect(await (await beside('exit 7', {}, host)).it.end()).toEqual(ended(7));
  expect(await (await beside('kill -KILL $$', {}, host)).it.end()).toEqual(ended(137));
  const { it: missing } = await beside(['no-such-program'], {}, host);
  expect(await missing.end()).toEqual(ended(127));
  expect(missing.stderr).toContain('no-such-program');
});

it('loses nothing of much output that is read slowly, on pipes that can be opened by name', async () => {
  const { it } = await beside('echo named > /dev/stderr; head -c 5000000 /dev/zero | tr "\\\\0" x; echo end');
  expect(await it.end()).toEqual(ended(0));
  expect([it.stdout.length, it.stdout.slice(-5), it.stderr]).toEqual([5_000_004, 'xend\n', 'named\n']);
});

it('gives the same output again to who asks again from the same place', async () => {
  const { it } = await beside('echo one; read x; echo two', { stdin: true });
  await it.says('one');
  it.offset = 0;
  it.stdout = '';
  // What was told before this offset is kept until somebody asks from beyond it.
  expect(await it.read(0)).toBe(null);
  expect(it.stdout).toBe('one\n');
});

it('takes input once, in its order, also when it is sent twice, and its end', async () => {
  const { it } = await beside('cat', { stdin: true });
  expect(await it.feed(0, 'one ')).toEqual({ taken: 4 });
  expect(await it.feed(2, 'e two')).toEqual({ taken: 7 });
  expect(await it.feed(20, 'too early')).toEqual({ taken: 7 });
  expect(await it.feed(7, '', true)).toEqual({ taken: 7 });
  expect([await it.end(), it.stdout]).toEqual([ended(0), 'one two']);
});

it('takes no more input than the command reads, and waits for it', async () => {
  const { it } = await beside('sleep 1000', { stdin: true });
  let taken = 0;
  for (let more = true; more && taken < 10 * 2 ** 20; ) {
    const now = (await it.feed(taken, 'x'.repeat(65_536))).taken ?? 0;
    more = now > taken;
    taken = now;
  }
  expect(taken).toBeLessThan(2 ** 20);
});

const TREE = 'sleep 1000 & echo "inner $!"; setsid sleep 1000 & echo "outer $!"; echo "leader $$"; wait';

async function pidsOf(it: Beside): Promise<number[]> {
  const leader = await it.says('leader ');
  return [await it.says('inner '), await it.says('outer '), leader].map(Number);
}

it('ends its whole group with a signal, and what has left that with its end', async () => {
  const { it } = await beside(TREE);
  const pids = await pidsOf(it);
  expect(pids.filter(lives)).toEqual(pids);
  it.signal('SIGINT');
  it.signal('SIGTERM');
  expect((await it.end()) as object).toMatchObject({ reason: 'exited' });
  await until(() => pids.filter(lives), []);
});

it('ends with what it leaves behind in the background', async () => {
  const { it } = await beside('sleep 1000 & echo "inner $!"; echo "leader $$"');
  expect(await it.end()).toEqual(ended(0));
  const pid = Number(await it.says('inner '));
  await until(() => lives(pid), false);
});

it('is killed when nobody has asked after it for the time of its lease', async () => {
  const { it } = await beside(TREE, { leaseMs: 1_000 });
  const pids = await pidsOf(it);
  await until(() => pids.filter(lives), [], 20_000);
  expect(await it.read(0)).toBe('unknown');
});

it('is ended when its time is over, also when it ignores that', async () => {
  const { it } = await beside('trap "" TERM; while :; do sleep 0.1; done', { limitMs: 100 });
  expect(await it.end()).toEqual(ended(137, 'timed-out'));
});

it('is killed with its node, which ends as it would without', async () => {
  const { host, it } = await beside(`trap "" TERM HUP INT; ${TREE}`, {}, new OneHost({ commands: ['until [ -e $WHERE/end ]; do sleep 0.05; done; exit 5'] }));
  const pids = await pidsOf(it);
  const before = performance.now();
  writeFileSync(host.path('end'), '');
  expect(await it.end()).toEqual(ended(137, 'node-ended'));
  expect(await host.end()).toMatchObject({ kind: 'exited', code: 5, clean: true });
  expect(pids.filter(lives)).toEqual([]);
  // It did not have the grace of a helper.
  expect(performance.now() - before).toBeLessThan(4_500);
  expect(await new Beside(host, { line: 'true' }).start()).toMatchObject({ kind: 'refused', message: expect.stringMatching(/has ended|runs no node/) });
});

it('is started once for its id', async () => {
  const { host, it } = await beside('echo x >> $WHERE/times; sleep 1000');
  expect(await Promise.all([it.start(), it.start()])).toEqual([1, 2].map(() => ({ kind: 'started', startNumber: 1 })));
  await until(() => host.wrote('times'), 'x\n');
});

it('is killed by the next agent where it has left its group, and its agent is dead', async () => {
  const { host, it } = await beside(TREE);
  const pids = await pidsOf(it);
  const program = readProgram(host.start().dir)?.pid ?? 0;
  expect(killLeftCommands(`${host.agent.socketPath}-of-another`)).toBe(0);
  killLeftCommands(host.agent.socketPath);
  await until(() => pids.filter(lives), []);
  expect(lives(program)).toBe(true);
});

it('loses nothing of what its reader takes long after its end', async () => {
  const { it } = await beside('head -c 1500000 /dev/zero | tr "\\\\0" x; echo end');
  await it.read();
  // As much as waits is here, and the rest in the pipe; for longer than a helper that holds the pipe is heard.
  const readAtMs = performance.now();
  await until(
    () => performance.now() - readAtMs,
    (ms) => ms > 1_500,
  );
  expect(await it.end()).toEqual(ended(0));
  expect([it.stdout.length, it.stdout.slice(-5)]).toEqual([1_500_004, 'xend\n']);
});

it('ends although something that hides holds its pipes open', async () => {
  const { it } = await beside('env -u MUSTER_EXEC_ID setsid sleep 1000 & echo "hidden $!"; sleep 0.3');
  expect(await it.end()).toEqual(ended(0));
  process.kill(Number(await it.says('hidden ')), 'SIGKILL');
});

it.each([
  ['that floods them', 'env -i setsid -f yes; sleep 0.3'],
  ['that goes on writing', 'env -i PATH="$PATH" setsid -f timeout 60 sh -c \'while echo x; do sleep 0.2; done\'; sleep 0.3'],
])('ends although something %s holds its pipes open', async (_, line) => {
  const { it } = await beside(line);
  const begun = performance.now();
  expect(await it.end()).toEqual(ended(0));
  expect(performance.now() - begun).toBeLessThan(30_000);
});

it('as many as one likes may run one after the other, and only so many at a time', async () => {
  const host = new OneHost({});
  const ran: Beside[] = [];
  for (let i = 0; i < 34; i++) {
    const { it } = await beside('echo x', {}, host);
    expect(await it.end()).toEqual(ended(0));
    ran.push(it);
  }
  // An answer may have been lost: who asks again hears it.
  expect(await ran.at(-1)?.end()).toEqual(ended(0));
  const going = await Promise.all(Array.from({ length: 32 }, () => beside('sleep 1000', {}, host)));
  expect(await new Beside(host, { line: 'true' }).start()).toMatchObject({ kind: 'refused', message: expect.stringContaining('32 commands') });
  going[0]?.it.signal('SIGKILL');
  expect(await going[0]?.it.end()).toEqual(ended(137));
  expect(await new Beside(host, { line: 'true' }).start()).toMatchObject({ kind: 'started' });
});

it('what ends it with its agent lives through the signals that its group is sent', async () => {
  const signals = ['USR1', 'USR2', 'ALRM', 'VTALRM', 'PROF', 'IO', 'PWR', 'TSTP'];
  const { it } = await beside(`for s in ${signals.join(' ')}; do trap "echo got $s" $s; done; echo "leader $$"; while :; do sleep 0.1; done`);
  const leader = Number(await it.says('leader '));
  const guards = () =>
    liveProcesses()
      .filter(({ ppid, pid }) => ppid === leader && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('muster-exec'))
      .map(({ pid }) => pid);
  const before = guards();
  expect(before).toHaveLength(1);
  for (const signal of signals) {
    it.signal(`SIG${signal}`);
    await it.says(`got ${signal}`);
  }
  expect(guards()).toEqual(before);
});

it.each([
  ['an id that is a path', { id: '../../x' }],
  ['an id that is none', { id: '' }],
  ['a limit beyond what a timer takes', { limitMs: 2 ** 31 }],
  ['a lease that is no time', { leaseMs: Number.NaN }],
])('is refused with %s', async (_, more) => {
  const host = new OneHost({});
  await host.running();
  expect(await new Beside(host, { line: 'true' }, more).start()).toMatchObject({ kind: 'refused', message: expect.stringMatching(/id|Ms/) });
});

it('is refused beside a program that is being ended', async () => {
  const host = new OneHost({ commands: ['trap "" TERM; echo > $WHERE/up; while :; do sleep 0.1; done'] });
  const start = await host.running();
  await until(() => host.wrote('up'), '\n');
  void start.stop({ type: 'Stopped', message: 'the run stopped its nodes' }, 'SIGTERM', 60_000);
  expect(await new Beside(host, { line: 'true' }).start()).toMatchObject({ kind: 'refused', message: 'node 0 is being ended' });
  await start.stop({ type: 'Stopped', message: 'the run stopped its nodes' }, 'SIGTERM', 0);
});
