import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import * as tar from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clone } from '../../activities/host/files/clone.js';
import { unpack } from '../../activities/host/files/unpack.js';
import { filesLimit, packFiles } from '../../client/files/pack.js';
import { readClone } from '../../client/files/repository.js';
import { sendBytes } from '../../client/files/send.js';
import { describeProblem, parseTask } from '../../spec/task/parse.js';

let scratch: string;
let source: string;
let target: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'muster-files-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
beforeEach(() => {
  const own = mkdtempSync(join(scratch, 'case-'));
  [source, target] = [join(own, 'source'), join(own, 'target')];
  mkdirSync(source);
  mkdirSync(target);
});

function write(path: string, text: string | Buffer = path, mode = 0o644): void {
  const file = join(source, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

const pack = (local = '.', path = '.', limit = 2 ** 20) => packFiles({ local, path }, source, limit);

function listing(root: string, dir = ''): string[] {
  return readdirSync(join(root, dir))
    .sort()
    .flatMap((name) => {
      const path = dir === '' ? name : `${dir}/${name}`;
      return lstatSync(join(root, path)).isDirectory() ? [`${path}/`, ...listing(root, path)] : [path];
    });
}

describe('packing', () => {
  it('keeps bytes, modes, empty directories and links that stay inside', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256));
    write('data.bin', bytes);
    write('run.sh', '#!/bin/sh\n', 0o755);
    write('deep/er/secret', 's', 0o600);
    write('deep/shared', '', 0o664);
    mkdirSync(join(source, 'empty'), { mode: 0o700 });
    symlinkSync('../data.bin', join(source, 'deep', 'link'));
    const { data, path } = await pack();
    await unpack(data, target, path);
    expect(listing(target)).toEqual(listing(source));
    expect(readFileSync(join(target, 'data.bin')).equals(bytes)).toBe(true);
    expect(readlinkSync(join(target, 'deep/link'))).toBe('../data.bin');
    for (const each of ['run.sh', 'deep/er/secret', 'deep/shared', 'empty', 'deep'])
      expect([each, lstatSync(join(target, each)).mode]).toEqual([each, lstatSync(join(source, each)).mode]);
  });

  it('gives the same bytes for the same files, whatever their times', async () => {
    write('b');
    write('a/c');
    const first = await pack();
    utimesSync(join(source, 'b'), 1, 1);
    rmSync(join(source, 'a'), { recursive: true });
    write('a/c');
    expect((await pack()).data.equals(first.data)).toBe(true);
  });

  it('leaves out what ignore files say, nested and with exceptions, and .git', async () => {
    for (const path of ['keep.txt', 'a.log', 'logs/x', 'sub/keep.log', 'sub/b.log', 'sub/tmp/x', '.git/config', 'sub/.git/config', 'big.bin']) write(path);
    write('.gitignore', '*.log\n/logs/\n');
    write('sub/.gitignore', '!keep.log\ntmp\n');
    write('.dstackignore', 'big.*\n');
    await unpack((await pack()).data, target, '.');
    expect(listing(target)).toEqual(['.dstackignore', '.gitignore', 'keep.txt', 'sub/', 'sub/.gitignore', 'sub/keep.log']);
  });

  it('puts one file under its name, or under the name that was asked for', async () => {
    write('one.py', 'print(1)', 0o755);
    const same = await pack('one.py', 'one.py');
    const other = await pack('one.py', 'bin/two.py');
    await unpack(same.data, target, same.path);
    await unpack(other.data, target, other.path);
    expect([listing(target), lstatSync(join(target, 'bin/two.py')).mode & 0o777]).toEqual([['bin/', 'bin/two.py', 'one.py'], 0o755]);
  });

  it.each([
    ['a link that leads out', () => symlinkSync('../../etc', join(source, 'out')), 'out is a link that leads out, to ../../etc'],
    ['a link to an absolute path', () => symlinkSync('/etc/passwd', join(source, 'out')), 'out is a link that leads out, to /etc/passwd'],
    ['a pipe', () => execFileSync('mkfifo', [join(source, 'pipe')]), 'pipe is neither a file nor a directory nor a link'],
  ])('refuses %s', async (_, make, message) => {
    make();
    await expect(pack()).rejects.toThrow(message);
  });

  it('names the largest files and the setting when it is too much', async () => {
    const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, i) => createHash('sha256').update(String(i)).digest()[0] ?? 0));
    write('small', noise(1_000));
    write('large.bin', noise(90_000));
    await expect(pack('.', '.', 50_000)).rejects.toThrow(
      /has \d+ KB, and at most 49 KB are sent; the largest are large.bin \(88 KB\), small \(1 KB\).*MUSTER_FILES_LIMIT/,
    );
  });

  it('says what is not there', async () => {
    await expect(pack('no/such')).rejects.toThrow(`there is no ${join(source, 'no/such')}`);
  });

  it.each([
    [undefined, 2 * 2 ** 20],
    ['20MB', 20 * 2 ** 20],
    ['1.5 gb', 1.5 * 2 ** 30],
    ['512KB', 512 * 2 ** 10],
  ])('reads the limit %s', (setting, bytes) => {
    expect(filesLimit(setting)).toBe(bytes);
  });

  it('refuses a limit that is none', () => {
    expect(() => filesLimit('much')).toThrow('expected a size such as `20MB` in MUSTER_FILES_LIMIT, got "much"');
  });
});

describe('sending', () => {
  /** Temporal as far as a sender sees it. */
  function fakeClient(running: Set<string>) {
    const sent: number[] = [];
    const used: string[] = [];
    const client = {
      workflow: {
        getHandle: (id: string) => ({
          describe: async () => {
            if (!running.has(id)) throw new WorkflowNotFoundError('no such workflow', id, undefined);
            return { status: { name: 'RUNNING' } };
          },
          signal: async () => void used.push(id),
        }),
        start: async (_: string, { workflowId, args }: { workflowId: string; args: [Uint8Array] }) => {
          running.add(workflowId);
          sent.push(args[0].length);
        },
      },
    };
    return { client: client as unknown as Client, sent, used };
  }

  it('sends parts of at most 480 KiB, and none a second time', async () => {
    const running = new Set<string>();
    const data = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 9)) % 256));
    const first = fakeClient(running);
    const packed = await sendBytes(first.client, 'default', data);
    expect([first.sent, packed.parts.length, packed.bytes]).toEqual([[491_520, 491_520, 16_960], 3, 1_000_000]);
    const second = fakeClient(running);
    expect(await sendBytes(second.client, 'default', data)).toEqual(packed);
    expect([second.sent, second.used]).toEqual([[], packed.parts.map((part) => `muster-files-${part}`)]);
  });

  it('sends again what is no longer kept', async () => {
    const running = new Set<string>();
    await sendBytes(fakeClient(running).client, 'default', Buffer.from('x'));
    running.clear();
    const again = fakeClient(running);
    await sendBytes(again.client, 'default', Buffer.from('x'));
    expect(again.sent).toEqual([1]);
  });
});

describe('unpacking', () => {
  async function crafted(...entries: (Partial<tar.Header> & { text?: string })[]): Promise<Buffer> {
    const packed = tar.pack();
    for (const { text, ...header } of entries) packed.entry(header as tar.Header, text ?? '');
    packed.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of packed) chunks.push(chunk as Buffer);
    return gzipSync(Buffer.concat(chunks));
  }

  it.each([
    ['a path that climbs', [{ name: '../evil', text: 'x' }], 'leads out of its directory'],
    ['an absolute path', [{ name: '/tmp/muster-evil', text: 'x' }], 'leads out of its directory'],
    ['a link that climbs', [{ name: 'l', type: 'symlink', linkname: '../..' }], 'leads out of its directory'],
    ['a link to the directory above', [{ name: 'l', type: 'symlink', linkname: '..' }], 'leads out of its directory'],
    ['an absolute link', [{ name: 'l', type: 'symlink', linkname: '/etc' }], 'leads out of its directory'],
    ['a hard link', [{ name: 'l', type: 'link', linkname: '/etc/passwd' }], 'neither a file nor a directory nor a link'],
    ['a device', [{ name: 'd', type: 'character-device' }], 'neither a file nor a directory nor a link'],
    [
      'a file behind a link of its own',
      [
        { name: 'real', type: 'directory' },
        { name: 'l', type: 'symlink', linkname: 'real' },
        { name: 'l/x', text: 'x' },
      ],
      'is in the way of the task',
    ],
  ] as [string, (Partial<tar.Header> & { text?: string })[], string][])('refuses %s', async (_, entries, message) => {
    const data = await crafted(...entries);
    await expect(unpack(data, target, '.')).rejects.toThrow(message);
    expect(existsSync(join(dirname(target), 'evil'))).toBe(false);
  });

  it('writes nothing through a link that stood in the working directory before', async () => {
    symlinkSync(source, join(target, 'out'));
    await expect(unpack(await crafted({ name: 'x', text: 'x' }), target, 'out/deep')).rejects.toThrow('is in the way of the task');
    expect(listing(source)).toEqual([]);
  });

  it('replaces a link by the file, not what it leads to', async () => {
    write('victim', 'untouched');
    symlinkSync(join(source, 'victim'), join(target, 'f'));
    await unpack(await crafted({ name: 'f', text: 'mine' }), target, '.');
    expect([readFileSync(join(source, 'victim'), 'utf8'), readFileSync(join(target, 'f'), 'utf8')]).toEqual(['untouched', 'mine']);
  });
});

describe('repositories', () => {
  const git = (dir: string, ...args: string[]) =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const wish = { local: '.', url: null, path: '.', branch: null, commit: null, ifExists: 'error' as const };
  const terms = { baseEnv: { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }, limitMs: 30_000 };
  let bare: string;

  beforeEach(() => {
    bare = join(dirname(source), 'bare.git');
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
    git(source, 'init', '--quiet', '--initial-branch=main');
    git(source, 'remote', 'add', 'origin', bare);
    write('tracked', 'one\n');
    write('image.bin', Buffer.from([0, 1, 2, 255]));
    write('gone', 'x');
    write('.gitignore', 'ignored\n');
    git(source, 'add', '-A');
    git(source, 'commit', '--quiet', '-m', 'first');
    git(source, 'push', '--quiet', '-u', 'origin', 'main');
  });

  const bring = async (into = target, ifExists: 'error' | 'skip' = 'error') => {
    const { url, commit, changes } = await readClone(wish, source, 2 ** 20);
    await clone({ url, commit, branch: null, path: '.', ifExists, changes: null }, changes, into, terms);
    return { url, commit, changes };
  };

  it('arrive at their commit with unpushed commits, changes and new files, but what is ignored', async () => {
    const pushed = git(source, 'rev-parse', 'HEAD');
    write('tracked', 'two\n');
    git(source, 'commit', '--quiet', '-am', 'unpushed');
    write('tracked', 'three\n');
    write('image.bin', Buffer.from([9, 0, 255, 10]));
    write('new/script.sh', 'echo', 0o755);
    write('ignored', 'secret');
    rmSync(join(source, 'gone'));
    const index = readFileSync(join(source, '.git/index'));
    const { commit, url } = await bring();
    expect([commit, url]).toEqual([pushed, `file://${bare}`]);
    expect(listing(target).filter((path) => !path.startsWith('.git/'))).toEqual(['.gitignore', 'image.bin', 'new/', 'new/script.sh', 'tracked']);
    expect([readFileSync(join(target, 'tracked'), 'utf8'), [...readFileSync(join(target, 'image.bin'))]]).toEqual(['three\n', [9, 0, 255, 10]]);
    expect(lstatSync(join(target, 'new/script.sh')).mode & 0o111).toBe(0o111);
    expect(readFileSync(join(source, '.git/index')).equals(index)).toBe(true);
  });

  it('bring no changes when there are none', async () => {
    expect((await bring()).changes).toBeNull();
  });

  it('are refused a directory that holds something, unless it is to be left', async () => {
    writeFileSync(join(target, 'mine'), '');
    await expect(bring()).rejects.toThrow('is not empty, so the repository cannot be cloned there');
    await bring(target, 'skip');
    expect(listing(target)).toEqual(['mine']);
  });

  it('are cloned by URL at the newest commit of a branch', async () => {
    await clone({ url: `file://${bare}`, commit: null, branch: 'main', path: '.', ifExists: 'error', changes: null }, null, target, terms);
    expect([git(target, 'rev-parse', '--abbrev-ref', 'HEAD'), readFileSync(join(target, 'tracked'), 'utf8')]).toEqual(['main', 'one\n']);
  });

  it('say what git said when they cannot be cloned', async () => {
    await expect(
      clone({ url: 'file:///no/such', commit: null, branch: null, path: '.', ifExists: 'error', changes: null }, null, target, terms),
    ).rejects.toThrow(/git fetch failed: .*(not|repository)/i);
  });

  it('are refused without a remote, without a pushed commit, and outside of a clone', async () => {
    await expect(readClone(wish, target, 1)).rejects.toThrow('is not in a clone of a git repository');
    git(source, 'update-ref', '-d', 'refs/remotes/origin/main');
    await expect(readClone(wish, source, 1)).rejects.toThrow('is on a branch of origin; push first');
    git(source, 'remote', 'remove', 'origin');
    await expect(readClone(wish, source, 1)).rejects.toThrow('has no remote from which hosts could clone it');
  });

  it('are refused with more changes than are sent', async () => {
    write('tracked', 'x'.repeat(50_000));
    await expect(readClone(wish, source, 10_000)).rejects.toThrow('have more than 10000 bytes');
  });
});

describe('in the task file', () => {
  const read = (key: 'files' | 'repos' | 'archives', value: unknown) => parseTask({ commands: ['a'], [key]: value }, { defaultName: 'x', unpacked: true });
  const complaints = (key: 'files' | 'repos' | 'archives', value: unknown) => {
    const parsed = read(key, value);
    return parsed.ok ? [] : parsed.problems.map(describeProblem);
  };

  it.each([
    ['files', ['src', '../lib', '~/.cache/token', '.:examples', '..', { local_path: '/a/b', path: './c//d/' }]],
    ['repos', ['..']],
    ['repos', ['https://example.org/a/b.git']],
    ['repos', ['git@example.org:a/b.git:code']],
    ['repos', [{ local_path: '..', path: 'code', if_exists: 'skip' }]],
  ] as const)('%s %j is let pass', (key, value) => {
    expect(complaints(key, value)).toEqual([]);
  });

  it.each([
    ['files', ['a:/etc'], 'files[0]: expected a path inside the working directory, got "/etc"; the file systems of hosts are not the task\'s own'],
    ['files', ['a:../b'], 'files[0]: expected a path inside the working directory, got "../b"; the file systems of hosts are not the task\'s own'],
    ['files', ['a:b:c'], 'files[0]: expected a text such as `src` or `../src:code`, or a map with `local_path` and `path`, got several colons; use the map'],
    ['files', 'src', 'files: expected a list of files, got "src"'],
    ['repos', ['a', 'b'], 'repos: expected one repository, got several'],
    ['repos', ['https://me:secret@example.org/a'], 'repos[0]: expected a URL without a password in it; hosts use their own git credentials'],
    ['repos', [{ path: 'x' }], 'repos[0]: expected a text such as `..` or `https://host/name:target`, or a map with `local_path` or `url`, got neither'],
    ['repos', [{ url: 'https://example.org/a', hash: 'abc' }], 'repos[0].hash: expected the full hash of a commit, got "abc"'],
    [
      'archives',
      [{ path: '../x', digest: 'a'.repeat(64), bytes: 1, parts: ['b'.repeat(64)] }],
      'archives[0]: expected a path inside the working directory, got "../x"',
    ],
    ['archives', [{ path: 'x', digest: 'A', bytes: 1, parts: [] }], 'archives[0].digest: expected a SHA-256 in hexadecimal, got "A"'],
  ] as const)('%s %j is refused', (key, value, message) => {
    expect(complaints(key, value)[0]).toBe(message);
  });

  it('is refused where nobody can pack it', () => {
    const parsed = parseTask({ commands: ['a'], files: ['src'] }, { defaultName: 'x' });
    expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual([
      '`files` is packed where it is: submit with `muster run`, `muster schedule apply` or the library',
    ]);
  });
});
