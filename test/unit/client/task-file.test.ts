import { describe, expect, expectTypeOf, it } from 'vitest';
import type { TaskFile } from '../../../client/index.js';
import { parseTask } from '../../../spec/task/parse.js';
import type { TaskField } from '../../../spec/task/schema.js';

describe('the type of a task file', () => {
  it('has the keys that the parser knows, but for what the client itself makes', () => {
    expectTypeOf<keyof TaskFile>().toEqualTypeOf<Exclude<TaskField, 'archives' | 'repo'>>();
  });

  it('takes what the parser takes', () => {
    const tasks: TaskFile[] = [
      { commands: ['a'], nodes: '2..8', env: { A: 1, B: true }, max_duration: 'off', settle: 0 },
      { commands: ['a'], env: ['A=1'], stop_duration: '5s', restart: { scope: 'node', rules: [{ exit_codes: [1, '2..3'], do: 'fail' }] } },
      { groups: [{ name: 'head', commands: ['a'] }], resources: { gpu: 'A100:2', cpu: { min: 2 } }, on_resize: 'restart', retry: true },
      { commands: ['a'], schedule: { cron: ['0 2 * * *'] }, health: { port: 80 }, startup_order: 'any', hosts: null },
    ];
    expect(tasks.map((task) => parseTask(task, { defaultName: 'x' }).ok)).toEqual([true, true, true, true]);
  });

  it('refuses what the parser refuses', () => {
    const tasks: TaskFile[] = [
      // @ts-expect-error: a key that is misspelt
      { comands: ['a'] },
      // @ts-expect-error: a word that is none
      { commands: ['a'], fencing: 'loose' },
      // @ts-expect-error: a key of a map that is misspelt
      { commands: ['a'], restart: { atempts: 3 } },
      // @ts-expect-error: a list
      { commands: 'a' },
    ];
    expect(tasks.map((task) => parseTask(task, { defaultName: 'x' }).ok)).toEqual([false, false, false, false]);
  });
});
