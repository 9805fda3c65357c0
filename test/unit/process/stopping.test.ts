import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { processesIn, readCgroup } from '../../../activities/process/cgroup.js';
import { readProcess } from '../../../activities/process/identity.js';
import { readExit, readShim } from '../../../activities/process/start-dir.js';
import { terminateStart } from '../../../activities/process/terminate.js';
import { until } from '../../helpers/until.js';
import { describeWhere } from '../../helpers/where-possible.js';
import { cgroupsWork, lives, prepared, type Start, shells } from './starts.js';

const end = (start: Start, graceMs: number) => terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs });

/** The pids that the program wrote, each on a line `me <pid>`; so many of them. */
async function pidsOf(start: Start, count: number): Promise<number[]> {
  const pids = () => [...start.output().matchAll(/^me (\d+)$/gm)].map(([, pid]) => Number(pid));
  return until(pids, (all) => all.length >= count);
}

// Each writes `me <pid>` for every process that must be gone.
const stubborn: [name: string, pids: number, script: string][] = [
  ['ignores the signal', 2, `trap '' TERM; echo me $$; (echo me $BASHPID; sleep 1000; :); :`],
  ['forks twice', 2, `( ( trap '' TERM; echo me $BASHPID; sleep 1000; : ) & ) & echo me $$; exec sleep 1000`],
  ['leaves for a session of its own', 2, `setsid bash -c 'trap "" TERM; echo me $$; sleep 1000; :' & echo me $$; exec sleep 1000`],
  ['closes all its files', 1, `trap '' TERM; echo me $$; for fd in /proc/$$/fd/*; do eval "exec \${fd##*/}>&-"; done; while :; do sleep 1000; done`],
  ['is stopped', 2, `(echo me $BASHPID; kill -STOP $BASHPID; sleep 1000) & echo me $$; kill -STOP $$`],
  ['is the parent of a zombie', 2, `( (trap '' TERM; echo me $BASHPID; sleep 1000; :) & ) & echo me $$; exec sleep 1000`],
  ['has a helper of a cleared environment in its group', 2, `env -i bash -c 'trap "" TERM; echo me $$; sleep 1000; :' & echo me $$; exec sleep 1000`],
];

const without = describe;
const within = describeWhere(cgroupsWork, 'ending programs with a cgroup: no cgroup (v2) can be made here');

for (const [title, describeOne, more] of [
  ['in a cgroup of its own', within, {}],
  ['without a cgroup', without, { cgroupParents: [] }],
] as const) {
  describeOne.each(shells)(`${title}, with $name as the shell of the shim`, ({ sh }) => {
    test.each(stubborn)('a program that %s is gone after the grace, and its exit is recorded', async (_, count, script) => {
      const start = await prepared(sh, more);
      start.go(script);
      const pids = await pidsOf(start, count);
      expect(readCgroup(start.dir) !== undefined).toBe(title === 'in a cgroup of its own');
      expect((await end(start, 100)).clean).toBe(true);
      expect(pids.filter(lives)).toEqual([]);
      expect(readExit(start.dir)?.code).toBeGreaterThan(128);
      expect(readCgroup(start.dir)).toBeUndefined();
    });

    test('a program that leaves a zombie as the head of its group is gone with its helpers', async () => {
      const start = await prepared(sh, more);
      // Nobody takes note of its end: its parent, the shim, is stopped.
      start.go(`env -i bash -c 'trap "" TERM; echo me $$; sleep 1000; :' & until [ -s "$GO" ]; do sleep 0.02; done; exit 6`, {
        env: { GO: join(start.dir, 'now') },
      });
      const [helper = 0] = await pidsOf(start, 1);
      const shim = readShim(start.dir)?.pid ?? 0;
      process.kill(shim, 'SIGSTOP');
      await until(() => readProcess(shim)?.state, 'T');
      writeFileSync(join(start.dir, 'now'), 'now');
      await until(() => readProcess(start.program().pid)?.state, 'Z');
      expect((await end(start, 50)).clean).toBe(true);
      expect(lives(helper)).toBe(false);
      expect(readExit(start.dir)?.code).toBe(6);
    });

    test('a program that ends by itself while it is being stopped reports its own code', async () => {
      const start = await prepared(sh, more);
      const now = join(start.dir, 'now');
      start.go(`trap 'echo asked' TERM; echo me $$; until [ -s "$GO" ]; do sleep 0.02; done; exit 9`, { env: { GO: now } });
      await pidsOf(start, 1);
      const ended = end(start, 10_000);
      await start.says('asked');
      writeFileSync(now, 'now');
      expect(await ended).toEqual({ clean: true, killed: [] });
      expect(readExit(start.dir)?.code).toBe(9);
    });

    test('a program that forks while it is being killed is gone', async () => {
      const start = await prepared(sh, more);
      const BODY = `trap '' TERM; [ "$LEFT" -gt 0 ] || exit 0; export LEFT=$((LEFT - 1)); setsid sh -c "$BODY" & setsid sh -c 'sleep 0.3' & echo "left $LEFT"`;
      start.go(`setsid sh -c "$BODY" & echo me $$; exec sleep 1000`, { env: { BODY, LEFT: '200' } });
      await pidsOf(start, 1);
      await start.says('left 190');
      expect((await end(start, 0)).clean).toBe(true);
      // With a cgroup nobody escapes, so that the last generations never come.
      if (title === 'in a cgroup of its own') expect(start.output()).not.toContain('left 0\n');
    });
  });
}

// Every one of these left the group, the session and the environment by which it could be told.
const hidden = `env -i setsid bash -c 'trap "echo asked" TERM; echo me $$; while :; do sleep 1000 & wait $!; done' & sleep 0`;

within('in a cgroup of its own', () => {
  test.each(shells)('what left the group with a cleared environment is asked, and killed after the grace ($name)', async ({ sh }) => {
    const start = await prepared(sh);
    start.go(hidden);
    const [pid = 0] = await pidsOf(start, 1);
    expect(await start.exitCode()).toBe(0);
    const cgroup = readCgroup(start.dir) ?? '';
    expect(processesIn(cgroup)).toContain(pid);
    const { clean, killed } = await end(start, 100);
    expect([clean, killed.includes(pid), lives(pid), existsSync(cgroup)]).toEqual([true, true, false, false]);
    expect(start.output()).toContain('asked\n');
  });
});

without('without a cgroup', () => {
  test('what left the group with a cleared environment is not found: that is not promised', async () => {
    const start = await prepared(undefined, { cgroupParents: [] });
    start.go(hidden);
    const [pid = 0] = await pidsOf(start, 1);
    expect(await end(start, 0)).toEqual({ clean: true, killed: [] });
    const lived = lives(pid);
    process.kill(-pid, 'SIGKILL');
    expect(lived).toBe(true);
  });
});
