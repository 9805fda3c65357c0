import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile, replaceFileDurably } from '../../../activities/host/replace-file.js';
import { type SmallDisk, smallDisk, smallDisksWork } from '../../helpers/small-disk.js';
import { describeWhere } from '../../helpers/where-possible.js';

const both = [
  ['replaceFile', replaceFile],
  ['replaceFileDurably', replaceFileDurably],
] as const;

describeWhere(smallDisksWork, 'files on a full disk: no file system can be mounted here').each(both)('%s', (_, replace) => {
  let disk: SmallDisk;
  let path: string;

  beforeEach(() => {
    disk = smallDisk();
    path = join(disk.path, 'file');
    writeFileSync(path, 'old');
  });

  afterEach(() => disk.remove());

  test('replaces the content, readable by its owner alone', () => {
    replace(path, 'new');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(disk.path)]).toEqual(['new', 0o600, ['file']]);
  });

  test('keeps the old content and leaves no draft when the disk is full', () => {
    disk.fill();
    expect(() => replace(path, 'new')).toThrow('ENOSPC');
    expect([readFileSync(path, 'utf8'), readdirSync(disk.path).sort()]).toEqual(['old', ['file', 'filler']]);
  });

  test('keeps the old content when a part of the new one would fit', () => {
    const room = join(disk.path, 'room');
    writeFileSync(room, Buffer.alloc(8 * 1024));
    disk.fill();
    rmSync(room);
    expect(() => replace(path, 'x'.repeat(64 * 1024))).toThrow('ENOSPC');
    expect([readFileSync(path, 'utf8'), readdirSync(disk.path).sort()]).toEqual(['old', ['file', 'filler']]);
  });
});
