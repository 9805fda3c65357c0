import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { COMING_KEYS, PLACEMENT_KEYS, PROGRAM_KEYS } from '../../../spec/task/keys.js';
import { describeProblem, type ParsedTask, parseTask } from '../../../spec/task/parse.js';
import { TASK_FIELDS } from '../../../spec/task/schema.js';
import { readTaskYaml } from '../../../spec/task/yaml.js';

const CASES = { numRuns: 2_000 };
const keys = [...TASK_FIELDS, ...COMING_KEYS, ...PLACEMENT_KEYS, ...PROGRAM_KEYS];
const likely = fc.oneof(
  fc.constantFrom<unknown>('2..8', '30s', 'off', 'A=1', 'HOME', 'A100:2', '16GB..', '10.0.0.1/24', 'SIGTERM', '..', ':', '', 'task', 'a'),
  fc.jsonValue(),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true, withSparseArray: true }),
);
const nested = fc.oneof(
  likely,
  fc.array(likely, { maxLength: 4 }),
  fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('cpu', 'gpu', 'memory', 'count', 'min', 'name', '__proto__')), likely, { maxKeys: 4 }),
);

function expectSound(parsed: ParsedTask): void {
  if (parsed.ok) {
    expect(JSON.parse(JSON.stringify(parsed.task))).toEqual(parsed.task);
    return;
  }
  expect(parsed.problems.length).toBeGreaterThan(0);
  for (const problem of parsed.problems) {
    expect(describeProblem(problem)).not.toMatch(/Invalid|Unrecognized|invalid_|\bat .*\.[jt]s|something else|cannot be read|undefined/);
  }
}

test('arbitrary JSON never throws, and every problem is in our own words', () => {
  void fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (input) => expectSound(parseTask(input, { defaultName: 'x' }))),
    CASES,
  );
});

test('arbitrary values under known keys never throw, and a task that passes is plain JSON', () => {
  const task = fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), nested, { maxKeys: 8 });
  void fc.assert(
    fc.property(task, (input) => expectSound(parseTask({ commands: ['a'], ...input }, { defaultName: 'x', submitterEnv: { HOME: '/' } }))),
    CASES,
  );
});

test('a very deep value is a problem, not a stack overflow', () => {
  let deep: unknown = 1;
  for (let level = 0; level < 200_000; level += 1) deep = level % 2 === 0 ? [deep] : { cpu: deep };
  for (const key of keys) expectSound(parseTask({ commands: ['a'], [key]: deep }, { defaultName: 'x' }));
});

test('arbitrary text never throws as YAML', () => {
  const yamlish = fc.string({ unit: fc.constantFrom(...'ab:- \n\t[]{}&*!|>\'"%@`#?,0~<'), maxLength: 60 });
  void fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' })), (text) => {
      const read = readTaskYaml(text);
      if (read.ok) expectSound(parseTask(read.value, { defaultName: 'x', locate: read.locate }));
      else expect(read.problems.length).toBeGreaterThan(0);
    }),
    CASES,
  );
});
