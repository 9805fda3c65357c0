import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../spec/nodes.js';
import { type Outcome, outcome } from '../helpers/commands.js';
import { shellBlocks, taskBlocks } from '../helpers/documented.js';
import { MAIN, type Machines, startMachines } from '../helpers/machines.js';
import { untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const LIMIT_MS = 120_000;
const SLEEP = { commands: ['exec sleep 1000'] };

let machines: Machines;
let bin: string;
let task: string;
beforeAll(async () => {
  machines = await startMachines(20, ['host-1', 'host-2', 'host-3']);
  bin = join(machines.dir, 'bin');
  mkdirSync(bin);
  symlinkSync(machines.temporalBinary, join(bin, 'temporal'));
  writeFileSync(join(bin, 'muster'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
  chmodSync(join(bin, 'muster'), 0o755);
  task = join(machines.dir, 'task.yml');
  writeFileSync(task, 'nodes: 2\ncommands: ["true"]\n');
});
afterAll(() => machines.stop());

/** Runs a block as it stands, with `RUN` for this run; every command in it has to succeed. */
async function typed(block: string, run = ''): Promise<Outcome> {
  const text = block
    .replace(/\bRUN\b/g, run)
    .replace(/\bHOST\b/g, 'host-3')
    .replace(/\bFILE\b/g, task);
  // npm runs the tests, and nobody who types: files are looked for where the block is typed.
  const env = { ...machines.env, INIT_CWD: undefined, PATH: `${bin}:${process.env['PATH']}`, TEMPORAL_ADDRESS: machines.address };
  return outcome('bash', ['-eo', 'pipefail', '-c', text], { env, cwd: machines.dir });
}

const started: string[] = [];

async function start(task: Record<string, unknown>): Promise<string> {
  const run = await machines.start(task);
  started.push(run);
  return run;
}

// A scene that failed must not leave the next one without hosts.
afterEach(() => Promise.all(started.splice(0).map(endNow)), LIMIT_MS);

async function startRunning(more: Record<string, unknown> = SLEEP): Promise<RunStatus> {
  return untilPhase(machines.client, await start({ nodes: 2, ...more }), 'running', LIMIT_MS);
}

async function endNow(run: string): Promise<void> {
  const workflow = machines.client.workflow.getHandle(run);
  const { runId } = await workflow.describe();
  await workflow.executeUpdate('stop', { args: [{ mode: 'now' }] }).catch(() => undefined);
  await workflow.result().catch(() => undefined);
  await untilNothingLeft(runId);
}

/** By heading of docs/operating.md: what it is like when somebody asks, and what the answer says. */
const SCENES: Record<string, (block: string) => Promise<void>> = {
  'Why does nothing start?': async (block) => {
    const { stdout } = await typed(block);
    expect(stdout).toMatch(/^ok +control workers +1 worker of muster\.default/m);
    expect(stdout).toMatch(/^ok +agents +\d of \d hosts answer/m);
    expect(stdout).not.toMatch(/^problem/m);
  },
  'Which runs are there, and how is mine?': async (block) => {
    const run = await start({ nodes: 2, commands: ['echo hello from $DSTACK_NODE_RANK'] });
    await untilPhase(machines.client, run, 'succeeded', LIMIT_MS);
    const { stdout, stderr } = await typed(block, run);
    expect(stdout).toContain('0 host-1 │ hello from 0');
    expect(stdout + stderr).toMatch(new RegExp(`${run} +succeeded`));
    expect(stdout).toContain('"generation":1');
  },
  'Why does my run wait?': async (block) => {
    const { run: holder } = await startRunning({ nodes: 3, ...SLEEP });
    const waiting = await start({ nodes: 2, commands: ['true'] });
    await untilPhase(machines.client, waiting, 'queued', LIMIT_MS);
    const { stdout } = await typed(block, waiting);
    expect(stdout).toContain('Waiting for 2 hosts of the fleet default');
    expect(stdout).toMatch(/^host-1 .* held /m);
    expect(stdout).toContain('task would wait: it needs 2 hosts');
    await endNow(holder);
    await untilPhase(machines.client, waiting, 'succeeded', LIMIT_MS);
  },
  'Why did it fail?': async (block) => {
    const run = await start({ nodes: 2, commands: ['if [ $DSTACK_NODE_RANK = 1 ]; then echo last words; exit 7; fi', ...SLEEP.commands] });
    await untilPhase(machines.client, run, 'failed', LIMIT_MS);
    const { stdout } = await typed(block, run);
    expect(stdout).toMatch(/what went wrong/i);
    expect(stdout).toContain('Node 1 on host-2 exited with code 7');
    expect(stdout).toContain('1 host-2 │ last words');
  },
  'What did it say, and when?': async (block) => {
    const run = await start({ nodes: 3, commands: ['echo an error of $DSTACK_NODE_RANK'] });
    await untilPhase(machines.client, run, 'succeeded', LIMIT_MS);
    const { stdout } = await typed(block, run);
    expect(stdout).toMatch(/^\S+ 2 host-3 │ an error of 2$/m);
    expect(stdout.match(/an error of 1/g)).toHaveLength(4);
    expect(stdout).toContain('"line":"an error of 0"');
  },
  'How do I look around where it runs?': async (block) => {
    const { run } = await startRunning();
    const { stdout } = await typed(block, run);
    expect(stdout).toContain('UID');
    expect(stdout).toContain('Mounted on');
    expect(stdout).toMatch(/^DSTACK_NODE_RANK=1$/m);
  },
  'How do I stop it?': async (block) => {
    const { run, runId } = await startRunning();
    expect((await typed(block, run)).stderr).toContain(`The run ${run} has ended already`);
    expect((await untilPhase(machines.client, run, 'cancelled')).reason).toBe('Stopped');
    await untilNothingLeft(runId);
  },
  'How do I take a machine away, or replace it?': async (block) => {
    const { stdout } = await typed(block);
    expect(stdout).toMatch(/^host-3 .* drained /m);
    const { stdout: after } = await typed('muster hosts');
    expect(after).toMatch(/^host-3 .* free /m);
  },
};

describe('docs/operating.md', () => {
  const shown = shellBlocks('docs/operating.md');

  it.each(shown)(
    'answers "$heading" with commands that do so',
    async ({ heading, text }) => {
      const scene = SCENES[heading] ?? expect.fail(`no test runs the commands under ${heading}`);
      await scene(text);
    },
    LIMIT_MS,
  );

  it('has the commands of every scene', () => {
    expect(shown.map(({ heading }) => heading)).toEqual(Object.keys(SCENES));
  });
});

it(
  'starts, asks, rescales and stops a run with the Temporal CLI alone, as docs/wire.md shows',
  async () => {
    const [block, ...more] = shellBlocks('docs/wire.md');
    expect(more).toEqual([]);
    const { stdout } = await typed(block?.text ?? '');
    expect(stdout).toContain('squares is to have 3 nodes');
    expect(stdout).toContain('squares is being stopped');
    const { reason, resizes, runId } = await untilPhase(machines.client, 'squares', 'cancelled', LIMIT_MS);
    expect([reason, resizes.map(({ nodes }) => nodes)]).toEqual(['Stopped', [3, 2]]);
    await untilNothingLeft(runId);
  },
  LIMIT_MS,
);

it(
  'schedules a task, and makes up for a week of it, as docs/schedules.md shows',
  async () => {
    const [shown] = taskBlocks('docs/schedules.md');
    const [block] = shellBlocks('docs/schedules.md');
    writeFileSync(join(machines.dir, 'nightly.yml'), shown?.text ?? '');
    writeFileSync(join(machines.dir, 'report.sh'), '#!/bin/sh\necho "a report of $1"\n', { mode: 0o755 });
    // What a schedule still has to make up for goes with it.
    const [verbs = '', end = ''] = (block?.text ?? '').split(/^(?=muster schedule delete)/m);
    // The night of the 20th had passed at midnight in Berlin; one run more is triggered.
    const week = [20, 21, 22, 23, 24, 25, 26, 27].map((day) => `run-nightly-at-2026-11-${day}T01:00:00Z`);
    try {
      const { stdout } = await typed(verbs);
      expect(stdout).toMatch(/^nightly: 0 2 \* \* \* Europe\/Berlin; 3 nodes of the fleet default$/m);
      const runs = async () => {
        const found: { id: string; status: string }[] = [];
        for await (const { workflowId, status } of machines.client.workflow.list({
          query: "WorkflowType = 'musterRun' AND WorkflowId STARTS_WITH 'run-nightly-at-'",
        }))
          found.push({ id: workflowId, status: status.name });
        return found.sort((a, b) => (a.id < b.id ? -1 : 1));
      };
      const seen = await until(runs, (all) => all.length > week.length && all.every(({ status }) => status === 'COMPLETED'), LIMIT_MS / 3);
      expect(seen.map(({ id }) => id)).toEqual(expect.arrayContaining(week));
    } finally {
      await typed(end);
    }
    const { stdout: said } = await typed(`muster logs ${week[7]}`);
    expect(said).toContain('2 host-3 │ a report of 2026-11-27T01:00:00Z');
  },
  2 * LIMIT_MS,
);

it(
  'starts a run from plain Temporal, as the README shows',
  async () => {
    const block = shellBlocks('README.md').find(({ text }) => text.startsWith('temporal workflow start'));
    const { stdout } = await typed(block?.text ?? '');
    const handle = /WorkflowId +(\S+)/.exec(stdout)?.[1] ?? expect.fail(stdout);
    const { nodes } = await untilPhase(machines.client, handle, 'succeeded', LIMIT_MS);
    const { stdout: said } = await typed(`muster logs ${handle} --raw`);
    const list = nodes.map(({ address }) => address).join(' ');
    expect(said.trimEnd().split('\n')).toEqual([list, list, list]);
  },
  LIMIT_MS,
);
