import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { succeeds } from './commands.js';

/** The folder of an example. */
export function exampleDir(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

/** A virtual environment with what an example needs, kept for the next time. */
export async function virtualEnvironment(example: string, pipOptions: string[] = []): Promise<string> {
  const requirements = join(exampleDir(example), 'requirements.txt');
  const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const dir = join(tmpdir(), `muster-test-${example.replaceAll('/', '-')}-${version}`);
  if (existsSync(join(dir, 'complete'))) return dir;
  rmSync(dir, { recursive: true, force: true });
  await succeeds('python3', ['-m', 'venv', dir]);
  // No cache: what is large is downloaded once, into this directory.
  await succeeds(join(dir, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', ...pipOptions, '-r', requirements], { limitMs: 600_000 });
  writeFileSync(join(dir, 'complete'), '');
  return dir;
}
