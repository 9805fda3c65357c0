import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../../activities/host/agent.js';
import { Seats } from '../../../activities/host/seats.js';
import { readShim } from '../../../activities/process/start-dir.js';
import type { StartNodeInput } from '../../../spec/activities.js';
import { type SmallDisk, smallDisk, smallDisksWork } from '../../helpers/small-disk.js';
import { until } from '../../helpers/until.js';
import { describeWhere } from '../../helpers/where-possible.js';
import { baseEnv, here } from '../process/starts.js';

const PROGRAM = {
  ...{ shell: 'sh', commands: ['true'], env: {}, workingDir: null, startup: { order: 'any', ready: null }, nodesEnv: 'variable', dialects: [], archives: [] },
  ...{ repo: null, stopSignal: 'SIGTERM', stopDurationSeconds: 1, health: null, fencing: 'reachable', hostTimeoutSeconds: 10 },
};

describeWhere(smallDisksWork, 'starts on a full disk: no file system can be mounted here')('on a full disk', () => {
  let disk: SmallDisk;
  let seats: Seats;
  beforeEach(() => {
    disk = smallDisk();
    const log = { warn: () => undefined, error: () => undefined };
    const agent: Partial<Agent> = { host: 'host-1', dataDir: disk.path, baseEnv, ...here, log: log as unknown as Agent['log'] };
    seats = new Seats(agent as Agent);
    seats.expectStarts();
  });
  afterEach(async () => {
    await seats.detach();
    await until(() => disk.remove(), undefined);
  });

  it('a start that cannot be written down leaves no shim behind', async () => {
    await until(spareIsReady, true);
    disk.fill();
    const run = { handle: 'run-x', runId: 'run', name: 'x', fleet: 'default' };
    const input = { host: 'host-1', identity: 'one', run, gathering: 'cell', program: PROGRAM } as unknown as StartNodeInput;
    await expect(seats.prepare(input, async () => {})).rejects.toThrow('could not prepare the node');
    await until(() => waitingIn(join(disk.path, 'runs')), []);
  });

  it('a shim that is being forked ahead is gone once the seats are let go of', async () => {
    await until(() => existsSync(join(disk.path, 'spare')), true);
    await seats.detach();
    expect(readdirSync(join(disk.path, 'spare'))).toEqual([]);
    await until(() => waitingIn(disk.path), []);
  });

  function spareIsReady(): boolean {
    const root = join(disk.path, 'spare');
    return existsSync(root) && readdirSync(root).some((name) => readShim(join(root, name)) !== undefined);
  }
});

function waitingIn(dir: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
    } catch {
      return false;
    }
  });
}
