import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Source } from './source.js';

const CONNECT_LIMIT_MS = 3_000;
const TOTAL_LIMIT_MS = 120_000;
const PROGRESS_EVERY_MS = 5_000;
const MAX_REDIRECTS = 5;

/** The CLI as its makers publish it. Gives up after 3 s without a connection, so that a closed network costs little. */
export const officialDownload: Source = {
  name: 'the official download',
  async fetch(pin, stage, { say }) {
    const url = archiveUrl(pin.version, process.platform, process.arch);
    say(`Fetching ${pin.title} ${pin.version} from ${url.host}, once.`);
    const archive = join(stage, 'archive.tar.gz');
    await download(url, archive, say);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', stage, pin.program]);
    return join(stage, pin.program);
  },
};

export function archiveUrl(version: string, platform: string, arch: string): URL {
  const cpu = { x64: 'amd64', arm64: 'arm64' }[arch];
  if (cpu === undefined || (platform !== 'linux' && platform !== 'darwin')) throw new Error(`there is none for ${platform} on ${arch}`);
  return new URL(`https://temporal.download/cli/archive/v${version}?platform=${platform}&arch=${cpu}`);
}

async function download(url: URL, file: string, say: (line: string) => void): Promise<void> {
  const limit = AbortSignal.timeout(TOTAL_LIMIT_MS);
  const response = await follow(url, limit);
  const total = Number(response.headers['content-length'] ?? Number.NaN);
  let received = 0;
  response.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  const progress = setInterval(() => say(`  ${megabytes(received)}${Number.isNaN(total) ? '' : ` of ${megabytes(total)}`} MB`), PROGRESS_EVERY_MS);
  try {
    await pipeline(response, createWriteStream(file), { signal: limit });
  } catch (error) {
    throw limit.aborted ? new Error(`not done within ${TOTAL_LIMIT_MS / 1000} s`) : error;
  } finally {
    clearInterval(progress);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

async function follow(url: URL, limit: AbortSignal): Promise<IncomingMessage> {
  let next = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await answer(next, limit);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return response;
    response.resume();
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) throw new Error(`HTTP ${statusCode}`);
    next = new URL(headers.location, next);
    if (next.protocol !== 'https:') throw new Error(`redirected away from https`);
  }
  throw new Error('too many redirects');
}

function answer(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get(url, { signal, agent: false }, resolve);
    const connecting = setTimeout(() => request.destroy(new Error(`no connection within ${CONNECT_LIMIT_MS / 1000} s`)), CONNECT_LIMIT_MS);
    request.on('socket', (socket) => socket.once('secureConnect', () => clearTimeout(connecting)));
    request.once('close', () => clearTimeout(connecting));
    request.once('error', (error) => {
      clearTimeout(connecting);
      reject(signal.aborted ? new Error(`no answer within ${TOTAL_LIMIT_MS / 1000} s`) : error);
    });
  });
}
