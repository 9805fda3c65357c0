import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** Waits for the end of everybody who holds its tether, and cleans up after them. */
export interface Janitor {
  /** To be handed on to each process of the stack as an open file. */
  tether: Writable;
  /** Lets go of our own end, and resolves when everybody else has and all is clean. */
  finish(): Promise<void>;
}

// The pipe ends when its last holder is gone, however that happened. By then the agents have ended their programs; what an agent that was
// killed could not end has its files below the first or the second directory. The first is removed.
const SCRIPT = `
while read -r _; do :; done
for directory in "$1" "$2"; do
  [ -n "$directory" ] || continue
  for path in $(grep -lsaF -- "MUSTER_NODES_FILE=$directory/" /proc/[0-9]*/environ) $(find /proc -maxdepth 2 -name cwd -lname "$directory/*" 2>/dev/null); do
    pid=\${path#/proc/}; kill -KILL "\${pid%%/*}"
  done
done 2>/dev/null
rm -rf -- "$1"
`;

/**
 * Removes the directory once all who hold the tether are gone, also after kill -9 of this process, and kills what is left of the nodes whose
 * files are in it or in the directory that is kept.
 */
export function startJanitor(directory: string, kept: string | undefined): Janitor {
  const args = ['-c', SCRIPT, 'muster-janitor', directory, kept ?? ''];
  const child = spawn('/bin/sh', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const tether = child.stdin as Writable;
  tether.on('error', () => {});
  const gone = exitOf(child);
  return {
    tether,
    async finish() {
      tether.end();
      await gone;
    },
  };
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}
