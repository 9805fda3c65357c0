import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Is there such a program: an executable path, or a name on PATH? */
export function findInPath(program: string, path = ''): boolean {
  const places = program.includes('/') ? [program] : path.split(':').map((dir) => join(dir || '.', program));
  return places.some(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
