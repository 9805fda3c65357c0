import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The kernel's texts under `/sys` and `/proc`. What is missing or may not be read is an empty text or list. */
export interface SystemFiles {
  read(path: string): string;
  /** The names in a directory. */
  list(path: string): string[];
}

/** Those of this machine; `root` stands before every path. */
export function systemFiles(root = '/'): SystemFiles {
  return {
    read: (path) => orElse('', () => readFileSync(join(root, path), 'utf8')),
    list: (path) => orElse([], () => readdirSync(join(root, path))),
  };
}

// A driver answers some reads with an error (EINVAL for the speed of a link that is down).
function orElse<T>(none: T, read: () => T): T {
  try {
    return read();
  } catch {
    return none;
  }
}
