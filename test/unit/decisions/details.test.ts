import { describe, expect, it } from 'vitest';
import type { NodeStatus, RunStatus } from '../../../spec/nodes.js';
import { describeRun, type Surroundings } from '../../../workflows/decisions/details.js';
import { lastLineOf, plainOutput } from '../../../workflows/decisions/last-line.js';
import { asLink, asTime } from '../../../workflows/decisions/markdown.js';

const AT = Date.UTC(2026, 10, 28, 14, 5, 9);
const NOWHERE: Surroundings = { namespace: 'default', cells: [], left: [] };

const node = (rank: number, more: Partial<NodeStatus> = {}): NodeStatus => ({
  ...{ rank, group: '0', host: `h-${rank}`, address: `10.0.0.${rank}`, interface: 'eth0', addressReason: '', id: 'i', gpus: 0 },
  ...{ state: 'running', exitCode: null, startNumber: 1, sinceMs: AT, lastLine: '' },
  ...more,
});

const status = (more: Partial<RunStatus>): RunStatus => ({
  ...{
    run: 'run-a',
    runId: 'r',
    name: 'a',
    fleet: 'f',
    phase: 'running',
    reason: 'Running',
    message: 'All run',
    generation: 1,
    restarts: 0,
    restartsLeft: null,
    losses: 0,
  },
  ...{ failures: [], nodesWanted: 1, nodes: [node(0)], formerNodes: [], resizes: [], warnings: [] },
  ...{ submittedAtMs: AT, releasedAtMs: null, endedAtMs: null, lastLines: '' },
  ...more,
});

const note = (rank: number, lastLines: string, message = `Node ${rank} on h-${rank} failed`) => ({
  ...{ generation: 1, rank, host: `h-${rank}`, type: 'CommandFailed' as const, message, lastLines, atMs: AT + rank * 1_000 },
});

const shown = (more: Partial<RunStatus>, around = NOWHERE) => describeRun(status(more), around).replaceAll('\u2002', '');

describe('what the Temporal Web UI shows of a run', () => {
  it('is what goes on, what is left, and a row for each node', () => {
    expect(shown({}, { namespace: 'default', cells: ['run-a.cell-1'], left: ['2 of 3 restarts left'] }).split('\n\n')).toEqual([
      '**running**: All run',
      'Run a on the fleet f · 1 node · generation 1 · 2 of 3 restarts left',
      '|rank|host|address|state|since (UTC)|last line|\n|---|---|---|---|---|---|\n|0|h-0|10.0.0.0|running|28 Nov 14:05:09|–|',
      'All output: `muster logs run-a`. What each node says now: under Pending Activities of [run-a.cell-1](/namespaces/default/workflows/run-a.cell-1)',
    ]);
  });

  it('says after the end who failed first, with its last lines, and which restarts there were', () => {
    const failures = [note(1, 'old words\n', 'Node 1 on h-1 failed; all nodes start again'), note(2, 'step 7\nout of *memory*\n'), note(0, 'collateral\n')];
    const nodes = [node(2, { state: 'failed', exitCode: 3, startNumber: 2, lastLine: 'out of *memory*' })];
    const lines = shown({ phase: 'failed', reason: 'CommandFailed', message: 'It failed', failures, nodes, lastLines: 'step 7\nout of *memory*\n' }).split(
      '\n\n',
    );
    expect(lines[0]).toBe('**failed** (CommandFailed): It failed');
    expect(lines.slice(2, 4)).toEqual(['Node 2 on h-2, which failed first, said last:', '    step 7\n    out of *memory*']);
    expect(lines[4]).toContain('|2|h-2|10.0.0.2|failed, exit 3|28 Nov 14:05:09|`out of *memory*`|');
    expect(lines[6]?.split('\n')[0]).toBe('- 28 Nov 14:05:10: Node 1 on h-1 failed; all nodes start again');
  });

  it('says what failed last while a run goes on after a restart', () => {
    expect(shown({ failures: [note(1, 'one\n'), note(2, 'two\n')] })).toContain('Node 2 on h-2, which failed last, said last:\n\n    two');
    expect(shown({ phase: 'succeeded', failures: [note(1, 'one\n')] })).not.toContain('said last');
  });

  it('is text where users and hosts write Markdown or HTML', () => {
    const evil = '<img src=x> [a](b)\n# c | `d` &lt;';
    const text = shown({
      message: evil,
      name: evil,
      warnings: [evil],
      nodes: [node(0, { host: 'a|b', lastLine: evil.replace('\n', ' ') })],
      failures: [note(1, '', evil)],
    });
    const escaped = '\\<img src=x\\> \\[a\\](b) # c \\| \\`d\\` \\&lt;';
    expect(text.split(escaped)).toHaveLength(5);
    expect(text).toContain('|`<img src=x> [a](b) # c ¦ ˋdˋ &lt;`|');
    expect(text).toContain('|a\\|b|');
    expect(text.replace('|`<img', '')).not.toMatch(/[^\\]<img/);
    expect(shown({ message: 'a --flag...' })).toContain('a \\--flag\\.\\..');
  });

  it('fits into an address that a proxy takes, and has those first that something is the matter with', () => {
    const lastLine = '多'.repeat(160);
    const nodes = Array.from({ length: 2_000 }, (_, rank) => node(rank, rank === 1_999 ? { state: 'silent' } : { lastLine }));
    const text = describeRun(status({ nodes, lastLines: 'x'.repeat(1_024) }), NOWHERE);
    const rows = text.split('\n').filter((line) => /^\|\d/.test(line));
    expect(encodeURIComponent(text).length).toBeLessThan(7_600);
    expect(rows.length).toBeGreaterThan(3);
    expect(rows[0]).toMatch(/^\|1999/);
    expect(text).toContain(`\n\nand ${2_000 - rows.length} more: \`muster status run-a\`\n`);
  });

  it('has all of thirty nodes that run', () => {
    expect(shown({ nodes: Array.from({ length: 30 }, (_, rank) => node(rank)) }).match(/^\|\d/gm)).toHaveLength(30);
  });

  it('stands whole where a text was cut within a character', () => {
    expect(() => shown({ nodes: [node(0, { lastLine: 'a\ud83d' })], run: 'a\ud83d' })).not.toThrow();
  });

  it('keeps the root cause and the newest of many failures', () => {
    const failures = Array.from({ length: 9 }, (_, rank) => note(rank, ''));
    expect(shown({ failures }).match(/Node \d on/g)).toEqual([0, 5, 6, 7, 8].map((rank) => `Node ${rank} on`));
  });

  it('links to a workflow whose id could end the link', () => {
    expect(asLink('a b', 'x)[y](z')).toBe('[x)\\[y\\](z](/namespaces/a%20b/workflows/x%29%5By%5D%28z)');
  });

  it('tells times of UTC', () => {
    expect(asTime(Date.UTC(2026, 0, 2, 3, 4, 5))).toBe('02 Jan 03:04:05');
  });
});

describe('the last line of output', () => {
  it.each([
    ['is the last that says something', 'one\ntwo\n\n  \n', 'two'],
    ['is what a progress bar shows last', 'a\nstep 1\rstep 2\rstep 3\r', 'step 3'],
    ['has no colours', '\u001b[1;31mError\u001b[0m: \u001b]8;;http://x\u0007link\u001b]8;;\u0007 \u0007end', 'Error: link end'],
    ['is empty where there is none', '', ''],
    ['is cut where it is long', 'é'.repeat(200), `${'é'.repeat(78)}…`],
    ['is whole where it fits', '😀'.repeat(40), '😀'.repeat(40)],
    ['is cut between characters', `${'😀'.repeat(40)}x`, `${'😀'.repeat(39)}…`],
  ])('%s', (_, output, line) => {
    expect(lastLineOf(output)).toBe(line);
  });

  it('stands in lines that keep their tabs', () => {
    expect(plainOutput('a\tb\r\nc\u001b[K\n')).toBe('a\tb\nc\n');
  });
});
