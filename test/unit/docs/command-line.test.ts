import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '../../../cli/program.js';
import type { RunEvent } from '../../../client/index.js';

const FILE = new URL('../../../docs/command-line.md', import.meta.url);

/** The lines of `run`, `attach` and `logs` with `--json`, by their `event`. */
const LINES: Record<RunEvent['kind'], string> = {
  output: "a line of output: `rank`, `host`, `startNumber`, `generation`, `atMs` (of the host's clock; null where it is not known), `line`",
  status: "every change of the run's [status](wire.md#a-runs-status), with its fields beside `event`; the final one last. Not of `logs`",
  skipped: 'output that is not shown: `rank`, `host`, `bytes`',
  trouble: 'what keeps one from following for now, and is tried again: `message`',
};

const HEAD = `# The command line

The tables are made from the commands themselves (\`MUSTER_WRITE_DOCS=1 npx vitest run test/unit/docs\`); \`muster VERB --help\` prints the same.

Temporal is found as the Temporal CLI finds it: \`TEMPORAL_ADDRESS\`, \`TEMPORAL_NAMESPACE\`, \`TEMPORAL_API_KEY\`, TLS, and profiles of \`temporal.toml\`. \`MUSTER_SERVER=host:port\`, where it is set, wins over all of them.

**Ctrl-C in \`muster run\`** asks whether the run is to be stopped; Enter means yes, and so does Ctrl-C. Without a terminal, and on SIGTERM, nothing is asked and the run is stopped. While it is being stopped one more kills the programs, and
the next leaves at once. Closing the terminal leaves the run alone: \`muster attach RUN\` takes it up again; \`muster run -d\` starts a run and returns.

**Ctrl-C in \`muster attach\`** asks the same, and Enter means no: you leave, and the run goes on. So does Ctrl-C at the question; without a terminal, and on SIGTERM, nothing is asked and nothing is stopped. The exit code is 130 or 143 then, since the outcome is not known yet. After a yes the run is followed to its end.

**Ctrl-C in \`muster exec\`** sends SIGINT to the command's whole group, the second kills it, the third leaves at once; SIGTERM is handed on in the same way. The exit code is 130 or 143.

What programs and scripts read is on stdout, words for people are on stderr. Listings take \`--json\`. Without a terminal there are no colours; \`NO_COLOR\` turns them off.

## On a terminal

\`run\`, \`status --watch\` and \`hosts --watch\` show how things stand, live: a line for each node (rank, host, address, state, and for how long) or host, who has not answered while a run gathers, the generation,
restarts and what is left of them. Of many nodes those that need a look are shown, and the rest in one line: \`… and 40 more running\`. \`run\` does so below the nodes' output, which scrolls by above it, where both stdout
and stderr are a terminal. Ctrl-C ends a \`--watch\` (exit 130) and leaves the run alone. Without a terminal, with \`NO_COLOR\`, or with \`TERM=dumb\` there are plain lines, one for each change.

\`muster completion bash\` prints a script that completes verbs, options and files, and the runs, hosts and schedules of the server, which it asks for two seconds at most:

\`\`\`
source <(muster completion bash)     # in ~/.bashrc
source <(muster completion zsh)      # in ~/.zshrc, after compinit
muster completion fish | source      # in ~/.config/fish/config.fish
\`\`\`

## One JSON object a line

\`run\`, \`attach\` and \`logs -f\` mix several kinds of lines, which \`event\` tells apart:

| \`event\` | |
|---|---|
${Object.entries(LINES)
  .map(([event, text]) => `| \`${event}\` | ${text} |`)
  .join('\n')}

All others have one kind each, without \`event\`:

| of | a line is |
|---|---|
| \`status --watch\` | the [status](wire.md#a-runs-status) at each change; trouble is said on stderr |
| \`events\` | \`atMs\`, \`kind\`, \`message\`, \`generation\`, \`nodes\`, \`reason\`: the [library](library.md)'s \`StoryEvent\` |
| \`ps\` | \`run\`, \`name\`, \`phase\`, \`reason\`, \`message\`, \`nodesWanted\`, \`submittedAtMs\`, \`endedAtMs\`, as in the status; \`name\` and \`nodesWanted\` are null where the run could not be asked, and \`submittedAtMs\` is the begin of its latest execution then |
| \`hosts\` | a host; with \`--watch\` each that has changed, and of one that is not in the fleet any more its \`host\` and \`"state": "gone"\` |
| \`schedule list\` | a schedule; \`schedule show\` has one object, with \`lastFirings\` |
| \`nodes\` | a roster |
| \`doctor\` | \`check\`, \`verdict\`, \`found\`, \`mend\` |

## Exit codes

| code | means |
|---|---|
| 0 | the run succeeded, or what was asked for was done |
| 1 | the run failed, has ended already, or refused; a dev stack did not start; \`doctor\` found a problem; \`nodes\`: the start ended before enough nodes were in, or too many follow the list; \`exec\`: the node does not run now |
| 2 | wrong usage, an invalid task, no such run, host or schedule, an agent that may not start (address, port, data directory, host name, metrics); \`nodes\` outside of a job |
| 3 | Temporal or a control worker does not answer, or Temporal is too old; \`nodes\`: the agent of this host does not answer; \`exec\`: the host does not, or its agent was started anew |
| 4 | \`wait\`, or \`nodes --wait\`, gave up waiting; \`exec\`: the command took longer than it may |
| 5 | the run was stopped, cancelled or terminated by somebody else |
| 70 | a bug of Muster |
| 130, 143 | interrupted by Ctrl-C, by SIGTERM |
| 0–255 | \`exec\`: the command's own; 128 and the signal that ended it; of several nodes the highest. What else went wrong has its code from above, and a sentence on stderr |
| 141 | who read the output has left |

## Logs

Agents and control workers log to stderr, one JSON object a line; \`MUSTER_LOG\` is the level: \`info\` by default, \`warn\`, \`error\`, \`debug\`, \`silent\`. Under systemd \`journalctl -u muster-host\` shows them. [Observability](observability.md) has the fields, and the metrics.
`;

/** Defaults that are another on every machine. */
const OF_THIS_MACHINE: Record<string, string> = {
  'muster host --name': "the machine's name",
};

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function section(command: Command, of: string): string {
  const name = `${of} ${command.name()}`;
  const usage = command.usage() === '' ? '' : ` ${command.usage()}`;
  const args = command.registeredArguments.map((each) => `| \`${each.name()}\` | ${cell(each.description)} |`);
  const shown = command.options.filter(({ hidden }) => !hidden);
  const options = shown.map(({ flags, long, description, defaultValue, argChoices }) => {
    const value = OF_THIS_MACHINE[`${name} ${long}`] ?? defaultValue;
    const byDefault = typeof value === 'string' || typeof value === 'number' ? ` (default: ${value})` : '';
    const choices = argChoices === undefined ? '' : ` (one of ${argChoices.map((each) => `\`${each}\``).join(', ')})`;
    return `| \`${cell(flags)}\` | ${cell(description)}${choices}${byDefault} |`;
  });
  const table = [...args, ...options];
  const rows = table.length === 0 ? '' : `\n\n| | |\n|---|---|\n${table.join('\n')}`;
  const own = `### ${name}\n\n\`${name}${usage}\`: ${command.description()}.${rows}\n`;
  return [command.commands.length > 0 ? `### ${name}\n\n${command.description()}.\n` : own, ...command.commands.map((each) => section(each, name))].join('\n');
}

function render(): string {
  const verbs = createProgram(undefined).commands.filter((command) => command.name() !== 'help' && command.name() !== 'quickstart');
  return `${HEAD}\n## Verbs\n\n${verbs.map((verb) => section(verb, 'muster')).join('\n')}`;
}

it('describes every verb and option in docs/command-line.md', () => {
  if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(FILE, render());
  expect(readFileSync(FILE, 'utf8')).toBe(render());
});
