import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { codeOf, Exit } from '../exit.js';
import { onlyOnLinux } from '../linux.js';
import { say } from '../print.js';

const HOSTS = 3;
const EXAMPLE = fileURLToPath(new URL('../../../examples/roll-call.yml', import.meta.url));

/** Not listed among the verbs: `npm run quickstart` is its door. */
export function quickstart(): Command {
  return new Command('quickstart').description('the example on three hosts of this machine').action(act);
}

async function act(): Promise<void> {
  onlyOnLinux('quickstart');
  const { startDevStack } = await import('../../workers/dev-stack.js');
  const { connect } = await import('../../client/index.js');
  const { readTask } = await import('../task-input.js');
  const { followRun } = await import('../follow-run.js');
  const { Interrupts } = await import('../interrupts.js');
  const interrupts = new Interrupts();
  say(`Starting Temporal with its Web UI, a control worker and ${HOSTS} hosts on this machine`);
  const stack = await startDevStack({ hosts: HOSTS, inMemory: true, say, signal: interrupts.early });
  const muster = await connect({ temporal: { address: stack.address, namespace: 'default' } });
  try {
    for (const { name, address, pid } of stack.hosts) say(`  ${name} at ${address}, process ${pid}`);
    const run = await muster.runs.start(readTask({ file: EXAMPLE, fleet: 'default' }).submit);
    interrupts.about(run);
    say('Running examples/roll-call.yml: every node prints the list that it was given');
    const status = await followRun(run, 'prefixed', { onEnd: interrupts.ended });
    interrupts.dispose();
    const page = `${stack.uiUrl}/namespaces/default/workflows/${encodeURIComponent(run.handle)}`;
    say(`The Temporal Web UI shows the run: ${page}`);
    if (status.phase === 'succeeded' && process.stdin.isTTY) await untilEnter();
    throw new Exit(codeOf(status));
  } finally {
    await muster.close();
    await stack.stop();
  }
}

/** Enter, Ctrl-D or Ctrl-C. */
function untilEnter(): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.question('Temporal stays up so that you can look at it; Enter ends everything. ', () => terminal.close());
    terminal.once('SIGINT', () => terminal.close());
    terminal.once('close', resolve);
  });
}
