import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';

// A process of its own: follows the files that it is told of on its standard input, and writes for each replacement when it saw it, in milliseconds of the
// epoch, of how many nodes the list then was, and which file it is.
createInterface({ input: process.stdin }).on('line', (path) => {
  watch(dirname(path), (_, name) => {
    if (name !== basename(path)) return;
    const seenMs = performance.timeOrigin + performance.now();
    process.stdout.write(`${seenMs.toFixed(2)} ${readFileSync(path, 'utf8').split('\n').length} ${path}\n`);
  });
  process.stdout.write(`following ${path}\n`);
});
