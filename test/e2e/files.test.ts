import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clearUp } from '../../activities/host/retention.js';
import { succeeds } from '../helpers/commands.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4', 'host-5'];

let machines: Machines;
let project: string;
beforeAll(async () => {
  machines = await startMachines(40, HOSTS);
  project = join(machines.dir, 'project');
  mkdirSync(join(project, 'src', 'empty'), { recursive: true });
  writeFileSync(join(project, 'weights.bin'), randomBytes(1_500_000));
  writeFileSync(join(project, 'src', 'tool.sh'), '#!/bin/sh\necho tool\n');
  chmodSync(join(project, 'src', 'tool.sh'), 0o750);
  symlinkSync('../weights.bin', join(project, 'src', 'link'));
  writeFileSync(join(project, 'secret.log'), 'left out');
  writeFileSync(join(project, '.gitignore'), '*.log\n');
});
afterAll(() => machines.stop());

/** What a node finds: names, modes, links and the SHA-256 of every file but its own work's. */
const LOOK = `find . -mindepth 1 -printf '%P %y %m %l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum`;

function taskFile(name: string, yaml: string): string {
  const path = join(project, `${name}.log`); // So that it is no file of the project.
  writeFileSync(path, yaml);
  return path;
}

const parts = async () => {
  const ids: string[] = [];
  for await (const { workflowId } of machines.client.workflow.list({ query: "WorkflowType = 'musterFiles'" })) ids.push(workflowId);
  return ids.length;
};
const cached = () =>
  HOSTS.map((host) => readdirSync(join(machines.dir, host, 'files')).map((name) => `${name} ${statSync(join(machines.dir, host, 'files', name)).ino}`));

it('brings a project of 1.5 MB to five hosts once, byte for byte and with its modes', async () => {
  const out = join(machines.dir, 'seen');
  const file = taskFile('task', `nodes: 5\nfiles: [".", "src/tool.sh:bin/tool"]\ncommands:\n  - (${LOOK}) > ${out}-$DSTACK_NODE_RANK\n  - ./bin/tool\n`);
  const first = await muster(['run', '--id', 'files-1', file], machines.env);
  expect([first.code, first.stdout.split('\n').filter((line) => line.endsWith('│ tool')).length]).toEqual([0, 5]);

  const expected = (
    await succeeds('sh', [
      '-c',
      `cd ${project} && mkdir -p ../copy && cp -a .gitignore src weights.bin ../copy && cd ../copy && install -D -m 750 src/tool.sh bin/tool && chmod 755 bin && (${LOOK})`,
    ])
  ).trim();
  for (const rank of HOSTS.keys()) expect(readFileSync(`${out}-${rank}`, 'utf8').trim()).toBe(expected);

  // Listed a moment after they were started: 1.5 MB in parts of 480 KiB, and the single file.
  await until(parts, 5);
  const before = cached();
  expect(before.map((files) => files.length)).toEqual([2, 2, 2, 2, 2]);
  utimesSync(join(project, 'weights.bin'), 1, 1);
  expect((await muster(['run', '--id', 'files-2', file], machines.env)).code).toBe(0);
  expect([await parts(), cached()]).toEqual([5, before]);
});

it('fetches again what was changed on the disk of a host', async () => {
  const file = taskFile('again', 'nodes: 5\nfiles: ["src/tool.sh"]\ncommands: ["src/tool.sh"]\n');
  for (const host of HOSTS)
    for (const name of readdirSync(join(machines.dir, host, 'files'))) writeFileSync(join(machines.dir, host, 'files', name), 'spoiled');
  expect((await muster(['run', '--raw', file], machines.env)).stdout).toBe('tool\n'.repeat(5));
});

it('keeps what the program changed when the run starts another generation', async () => {
  const out = join(machines.dir, 'kept');
  const go = join(machines.dir, 'kept-go');
  const script = `test -e mark && echo kept >> ${out}; echo changed > mark; echo mine > tool.sh; until [ -e ${go} ]; do sleep 0.05; done; cat tool.sh >> ${out}`;
  const file = taskFile('kept', `nodes: 2\nfiles: ["src/tool.sh:tool.sh"]\ncommands: [${JSON.stringify(script)}]\n`);
  expect((await muster(['run', '--detach', '--id', 'files-kept', file], machines.env)).code).toBe(0);
  await untilPhase(machines.client, 'files-kept', 'running');
  expect((await muster(['scale', 'files-kept', '1'], machines.env)).code).toBe(0);
  await until(() => readLines(out), ['kept']);
  machines.touch(go);
  const { runId } = await untilPhase(machines.client, 'files-kept', 'succeeded');
  expect(readLines(out)).toEqual(['kept', 'mine']);
  await untilNothingLeft(runId);
});

it('clones a repository on every host and puts the local changes on top', async () => {
  const [bare, clone] = [join(machines.dir, 'bare.git'), join(machines.dir, 'clone')];
  const commit = 'git -c user.name=t -c user.email=t@example.org commit --quiet -am';
  await succeeds('sh', [
    '-c',
    `git init --quiet --bare --initial-branch=main ${bare} && git clone --quiet ${bare} ${clone} 2>/dev/null && cd ${clone} && git checkout --quiet -B main
     echo one > a && git add a && ${commit} first && git push --quiet origin main && echo two > a && ${commit} second && echo new > b`,
  ]);
  writeFileSync(join(clone, 'task.yml'), 'nodes: 2\nrepos: [".:code"]\ncommands:\n  - cat code/a code/b\n  - test "$DSTACK_REPO_DIR" = "$PWD/code"\n');
  const { code, stdout } = await muster(['run', '--raw', join(clone, 'task.yml')], machines.env);
  // The two nodes' lines come in any order.
  expect([code, stdout.trim().split('\n').sort()]).toEqual([0, ['new', 'new', 'two', 'two']]);
});

it('a schedule brings the files as they were when it was applied', async () => {
  const out = join(machines.dir, 'scheduled');
  writeFileSync(join(project, 'moment'), 'applied\n');
  const file = taskFile('nightly', `name: nightly\nfiles: [moment]\nschedule: {every: 1s}\ncommands: ["cat moment >> ${out}"]\n`);
  expect((await muster(['schedule', 'apply', file], machines.env)).code).toBe(0);
  writeFileSync(join(project, 'moment'), 'changed\n');
  await until(
    () => readLines(out),
    (lines) => lines.length > 0,
    20_000,
  );
  expect((await muster(['schedule', 'delete', 'nightly'], machines.env)).code).toBe(0);
  expect([...new Set(readLines(out))]).toEqual(['applied']);
});

it('says which file is the trouble, and starts nothing', async () => {
  const file = taskFile('missing', 'files: [no/such]\ncommands: ["true"]\n');
  const { code, stderr } = await muster(['run', file], machines.env);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`files[0]: there is no ${join(project, 'no/such')}`)]);
});

it('fails with a sentence when the files are no longer kept', async () => {
  const digest = 'a'.repeat(64);
  const run = await machines.start({ nodes: 2, commands: ['true'], archives: [{ path: '.', digest, bytes: 1, parts: [digest] }] });
  const { reason, message } = await untilPhase(machines.client, run, 'failed');
  expect(reason).toBe('NodeSetupFailed');
  expect(message).toContain('host-1 could not prepare the node: the files aaaaaaaaaaaa… are no longer kept in Temporal; submit the task again');
});

it('removes the directories of closed runs and unused files, and none of a run that goes on', async () => {
  const going = await machines.start({ nodes: 5, commands: ['exec sleep 60'] });
  const { runId } = await untilPhase(machines.client, going, 'running');
  const dataDir = join(machines.dir, 'host-1');
  const agent = { client: machines.client, dataDir, host: 'host-1' } as Parameters<typeof clearUp>[0];
  await clearUp(agent, { ofRun: () => [] }, Date.now() - 3_600_000);
  expect(readdirSync(join(dataDir, 'runs')).length).toBeGreaterThan(2);
  await clearUp(agent, { ofRun: () => [] }, Date.now() + 1_000);
  expect([readdirSync(join(dataDir, 'runs')), readdirSync(join(dataDir, 'files'))]).toEqual([[runId], []]);
  expect((await muster(['stop', '--now', going], machines.env)).code).toBe(0);
});
