import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { until } from '../../helpers/until.js';

const opens = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }));
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const openSync = (...args: Parameters<typeof fs.openSync>) => {
    if (!String(args[0]).includes('/pipe-')) return fs.openSync(...args);
    if (opens.left-- <= 0) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    return fs.openSync(...args);
  };
  return { ...fs, openSync };
});
const { makePipes } = await import('../../../activities/process/pipe.js');

/** The file descriptors of this process whose files are, or were, in this directory. */
function heldIn(dir: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir);
    } catch {
      return false;
    }
  });
}

it.each([1, 2, 3, 4, 5, 6])('a machine that has no file descriptor left after %i keeps none of a pipe', async (left) => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-pipe-'));
  opens.left = left;
  await expect(makePipes(dir, 'x', ['from', 'from', 'to'])).rejects.toThrow('EMFILE');
  await until(() => heldIn(dir), []);
  expect(readdirSync(dir)).toEqual([]);
  rmSync(dir, { recursive: true });
});
