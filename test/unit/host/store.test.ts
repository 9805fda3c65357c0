import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { raiseTombstone, readStart, readTombstone, runDir, type StartRecord, startDir, writeStart } from '../../../activities/host/store.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'muster-store-'));
  mkdirSync(startDir(dataDir, 'run', 1), { recursive: true });
});

afterEach(() => rmSync(dataDir, { recursive: true }));

const record: StartRecord = {
  ...{ version: 1, run: { handle: 'h', runId: 'run', name: 'n', fleet: 'f' }, host: 'a', startNumber: 1, gathering: 'g' },
  program: {
    ...{ shell: 'sh', commands: [], env: {}, workingDir: null, startup: { order: 'any', ready: null }, nodesEnv: 'variable', dialects: [], archives: [] },
    ...{
      repo: null,
      stopSignal: 'SIGTERM',
      stopDurationSeconds: 1,
      health: null,
      onResize: { do: 'restart' as const },
      fencing: 'reachable' as const,
      hostTimeoutSeconds: 10,
    },
  },
  ...{
    stage: 'prepared',
    generation: 0,
    reason: 'first',
    oldList: null,
    rank: 0,
    spans: [],
    address: '',
    token: '',
    up: false,
    opened: false,
    fence: [],
    freePort: null,
    activity: null,
    ending: null,
    end: null,
  },
};

test('a start is read as it was written', () => {
  writeStart(dataDir, record);
  expect(readStart(dataDir, 'run', 1)).toEqual(record);
});

test.each([
  ['does not name lost hosts', undefined],
  ['names them in another way', [{ host: 'b' }]],
])('a start whose file %s has none', (_, fence) => {
  writeFileSync(join(startDir(dataDir, 'run', 1), 'start.json'), JSON.stringify({ ...record, fence }));
  expect(readStart(dataDir, 'run', 1)).toEqual(record);
});

test('a tombstone is raised and never lowered', () => {
  raiseTombstone(dataDir, 'run', { generation: 3, startNumber: 2, gathering: 'g' });
  raiseTombstone(dataDir, 'run', { generation: 1, startNumber: 4, gathering: 'h' });
  expect(readTombstone(dataDir, 'run')).toEqual({ generation: 3, startNumber: 4, gatherings: ['g', 'h'] });
});

const text = JSON.stringify(record);

test.each([
  ['empty', ''],
  ['half', text.slice(0, text.length / 2)],
  ['zeros, as after a power cut', Buffer.alloc(4096)],
  ['bytes', Buffer.from([0xff, 0x00])],
  ['null', 'null'],
  ['a number', '7'],
  ['a list', '[]'],
  ['an empty object', '{}'],
  ['of another version', text.replace('"version":1', '"version":2')],
  ['without its program', JSON.stringify({ ...record, program: undefined })],
  ['of an unknown stage', JSON.stringify({ ...record, stage: 'gone' })],
  ['with lists of other things', '{"generation":1,"startNumber":1,"gatherings":[1]}'],
])('a file that is %s is none, and can be replaced', (_, content) => {
  writeFileSync(join(startDir(dataDir, 'run', 1), 'start.json'), content);
  writeFileSync(join(runDir(dataDir, 'run'), 'tombstone.json'), content);
  expect(readStart(dataDir, 'run', 1)).toBeUndefined();
  expect(readTombstone(dataDir, 'run')).toEqual({ generation: 0, startNumber: 0, gatherings: [] });
  raiseTombstone(dataDir, 'run', { generation: 1, startNumber: 1, gathering: null });
  expect(readTombstone(dataDir, 'run').generation).toBe(1);
});
