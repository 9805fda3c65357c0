import * as fc from 'fast-check';
import { COMING_KEYS, PLACEMENT_KEYS, PROGRAM_KEYS, UNFORWARDED_KEYS } from '../../spec/task/keys.js';
import { describeProblem, type ParsedTask, parseTask } from '../../spec/task/parse.js';
import { TASK_FIELDS } from '../../spec/task/schema.js';
import type { Task } from '../../spec/task/task.js';
import { readTemplates, renderTemplates } from '../../spec/task/template.js';
import { readTaskYaml } from '../../spec/task/yaml.js';

/** Something that holds for whatever is fed in; throws where it does not. */
export interface Property {
  name: string;
  /** A part of all cases. */
  share: number;
  check(cases: number, seed: number, timed: (work: () => void) => void): void;
}

export const KEYS = [...TASK_FIELDS, ...COMING_KEYS, ...PLACEMENT_KEYS, ...PROGRAM_KEYS, ...UNFORWARDED_KEYS];
const INNER =
  'cpu gpu memory count min max name nodes commands where order ready port command timeout local_path url path branch hash if_exists cron every digest parts bytes scope attempts losses window backoff rules exit_codes causes do charge on_events duration interval failures start_period signal exec __proto__';
const TEMPLATE_BITS = [
  '${{',
  '}}',
  '$${{',
  ' ',
  'groups',
  '[',
  ']',
  '0',
  '1',
  '99',
  'head',
  '.nodes',
  '.IP_ADDRESS',
  '$',
  '{',
  '"',
  'x',
  '\n',
  'groups[0].nodes[0].IP_ADDRESS',
];
const YAML_BITS = [
  ...'ab:- \n\t[]{}&*!|>\'"%@`#?,0~<',
  'commands:',
  '\n  - ',
  'nodes: ',
  'groups:\n',
  '&a ',
  '*a',
  '<<: ',
  '---\n',
  '\r\n',
  '\0',
  '${{ groups[0].nodes[0].IP_ADDRESS }}',
];
const VALID = `name: demo\nnodes: 3..8\nsettle: 5s\nspares: 1\non_host_loss: replace\non_resize: restart\nenv:\n  - A=1\nresources: {gpu: "A100:2", memory: 16GB..}\nstartup_order: {order: master-first, ready: {port: 80}}\nrestart: {scope: node, backoff: 1s..5m, rules: [{exit_codes: [1, 100..120, SIGSEGV], causes: [OutOfMemory], do: restart, charge: free}]}\nhealth: {port: 80, interval: 10s}\nwhere: {rack: a}\nfiles: [a, "b:c"]\ncommands:\n  - |\n    echo \${{ groups[0].nodes[2].IP_ADDRESS }}\n  - "x: y"\n`;

const likely = fc.oneof(
  fc.constantFrom<unknown>(
    '2..8',
    '30s',
    'off',
    'A=1',
    'HOME',
    'A100:2',
    '16GB..',
    '10.0.0.1/24',
    'SIGTERM',
    '..',
    ':',
    '',
    'task',
    'a',
    -1,
    0,
    3,
    1e300,
    true,
    null,
  ),
  fc.constantFrom<unknown>(
    'master-first',
    'torch',
    '${{ groups[0].nodes[0].IP_ADDRESS }}',
    '../a:b',
    'https://h/a',
    { port: 80 },
    'a'.repeat(64),
    '2 0 * * *',
    '1s..5m',
    '100..120',
    'SIGSEGV',
    'OutOfMemory',
    'node',
    'restart',
    'free',
    'replace',
    'strict',
    'shrink',
    'file',
    'signal',
    '2..2',
    { min: 1, max: 4 },
    { signal: 'USR1' },
    { exec: 'a' },
    'master-done',
    ['error'],
    [{ do: 'ignore' }],
    'UTC',
  ),
  fc.jsonValue(),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true, withSparseArray: true }),
);
const inner = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...INNER.split(' '))), likely, { maxKeys: 5 });
const list = fc.array(likely, { maxLength: 3 });
const rule = fc.record({ exit_codes: list, causes: list, groups: list, do: likely, charge: likely }, { requiredKeys: [] });
const recovery = fc.record(
  {
    restart: fc.oneof(
      likely,
      fc.record(
        { scope: likely, attempts: likely, losses: likely, window: likely, backoff: likely, rules: fc.array(fc.oneof(rule, likely), { maxLength: 3 }) },
        { requiredKeys: [] },
      ),
    ),
    retry: fc.oneof(likely, fc.record({ on_events: list, duration: likely }, { requiredKeys: [] })),
    health: fc.oneof(
      likely,
      fc.record({ port: likely, command: likely, interval: likely, timeout: likely, failures: likely, start_period: likely }, { requiredKeys: [] }),
    ),
    on_host_loss: likely,
    fencing: likely,
    nodes: fc.oneof(likely, fc.record({ min: likely, max: likely }, { requiredKeys: [] })),
    on_resize: fc.oneof(likely, fc.record({ signal: likely, exec: likely, timeout: likely }, { requiredKeys: [] })),
    settle: likely,
    spares: likely,
    stop_criteria: likely,
    startup_order: likely,
    hosts: list,
  },
  { requiredKeys: [] },
);
const nested = fc.oneof(likely, fc.array(fc.oneof(likely, inner), { maxLength: 4 }), inner);
const context = { defaultName: 'x', submitterEnv: { HOME: '/' }, unpacked: true };

/** A problem is in our own words; a task that passes is plain JSON. */
export function expectSound(parsed: ParsedTask): void {
  if (parsed.ok) {
    expectInLimits(parsed.task);
    expectResizable(parsed.task);
    const again = JSON.stringify(JSON.parse(JSON.stringify(parsed.task)));
    if (again !== JSON.stringify(parsed.task)) throw new Error('a task that is no plain JSON');
    return;
  }
  if (parsed.problems.length === 0) throw new Error('refused without a problem');
  for (const problem of parsed.problems) {
    const said = describeProblem(problem);
    if (/Invalid|Unrecognized|invalid_|\bat .*\.[jt]s|expected something else|cannot be read|undefined|\[object/.test(said))
      throw new Error(`not in our words: ${said}`);
  }
}

/** What the workflow counts with has a limit, so that its state has one, and no pause is none at all. */
function expectInLimits({ restart, health }: Task): void {
  const { attempts, losses, backoff, windowSeconds, rules } = restart;
  const codes = rules.flatMap((each) => each.exitCodes);
  const sound = [
    [attempts, losses].every((count) => Number.isInteger(count) && count >= 0 && count <= 1_000),
    backoff.firstSeconds >= 1 && backoff.maxSeconds >= backoff.firstSeconds,
    windowSeconds === null || windowSeconds >= 1,
    rules.length <= 100 && codes.every(({ from, to }) => from >= 0 && to <= 255 && from <= to),
    health === null || ((health.port === null) !== (health.command === null) && health.intervalSeconds >= 1 && health.failures >= 1),
  ];
  if (sound.includes(false)) throw new Error(`beyond its limits: ${JSON.stringify({ restart, health })}`);
}

/** What a run does about its size by itself can be done. */
function expectResizable({ nodes, elastic, settleSeconds, spares, onHostLoss, onResize, hosts, stopCriteria, startup }: Task): void {
  const sound = [
    elastic === null || (hosts === null && elastic.min === nodes && elastic.min < elastic.max && elastic.max <= 2_000),
    settleSeconds >= 0 && settleSeconds <= 600,
    spares === 0 || (onHostLoss === 'replace' && hosts === null && spares <= 100),
    onResize.do === 'restart' || (stopCriteria === 'all-done' && startup.order === 'any'),
    onResize.do !== 'exec' || (onResize.command.trim() !== '' && onResize.timeoutSeconds >= 1),
    onResize.do !== 'signal' || !/KILL|STOP/.test(onResize.signal),
  ];
  if (sound.includes(false)) throw new Error(`cannot be resized so: ${JSON.stringify({ nodes, elastic, settleSeconds, spares, onHostLoss, onResize, hosts })}`);
}

export const PROPERTIES: readonly Property[] = [
  property('any JSON', 0.1, fc.jsonValue({ maxDepth: 6 }), (input) => expectSound(parseTask(input, context))),
  property('any values under known keys', 0.3, fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), nested, { maxKeys: 8 }), (input) =>
    expectSound(parseTask({ commands: ['a'], ...input }, context)),
  ),
  property('any values in what is done about failures', 0.1, recovery, (input) => expectSound(parseTask({ commands: ['a'], ...input }, context))),
  property('templates', 0.2, fc.array(fc.constantFrom(...TEMPLATE_BITS), { maxLength: 30 }), (bits) => checkTemplate(bits.join(''))),
  property('any text as YAML', 0.2, fc.oneof(fc.string({ unit: fc.constantFrom(...YAML_BITS), maxLength: 60 }), fc.string({ unit: 'binary' })), checkYaml),
  property(
    'a valid file with changes',
    0.1,
    fc.array(fc.tuple(fc.nat(VALID.length), fc.nat(4), fc.constantFrom(...YAML_BITS)), { maxLength: 4 }),
    (changes) => {
      checkYaml(changes.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), VALID));
    },
  ),
];

function property<T>(name: string, share: number, arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): Property {
  return {
    name,
    share,
    check(cases, seed, timed) {
      void fc.assert(
        fc.property(arbitrary, (value) => timed(() => holds(value))),
        { numRuns: cases, seed },
      );
    },
  };
}

function checkYaml(text: string): void {
  const read = readTaskYaml(text);
  if (read.ok) expectSound(parseTask(read.value, { ...context, locate: read.locate }));
  else expectSound({ ok: false, problems: read.problems.length > 0 ? read.problems : [], warnings: [] });
}

/** What is not refused is rendered, and what is rendered holds an address for every template. */
function checkTemplate(text: string): void {
  const groups = [
    { name: 'head', addresses: ['10.0.0.1'] },
    { name: '1', addresses: ['10.0.0.2', '10.0.0.3'] },
  ];
  const told: string[] = [];
  const sizes = groups.map(({ name, addresses }) => ({ name, nodes: addresses.length }));
  const pieces = readTemplates(text, sizes, (message) => told.push(message));
  if (told.length > 0) {
    const problems = told.map((message) => ({ path: 'commands[0]', message }));
    expectSound({ ok: false, problems, warnings: [] });
    return;
  }
  const rendered = renderTemplates(text, groups);
  const addresses = pieces.filter((piece) => 'group' in piece).length;
  const escapes = text.split('$${{').length - 1;
  if ((rendered.match(/10\.0\.0\.[123]/g) ?? []).length !== addresses) throw new Error(`lost an address: ${rendered}`);
  if (rendered.split('${{').length - 1 !== escapes) throw new Error(`a template or an escape is left: ${rendered}`);
}
