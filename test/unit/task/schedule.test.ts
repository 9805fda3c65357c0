import { expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';

function parse(schedule: unknown) {
  return parseTask({ commands: ['true'], schedule }, { defaultName: 'task' });
}

test.each([
  [{ cron: '0 2 * * *' }, { cron: ['0 2 * * *'], everySeconds: null, timeZone: 'UTC' }],
  [
    { cron: ' */5  1-3 * JAN Mon-Fri ', time_zone: 'Europe/Berlin' },
    { cron: ['*/5 1-3 * JAN Mon-Fri'], everySeconds: null, timeZone: 'Europe/Berlin' },
  ],
  [
    { cron: ['0 2 * * *', '0 4 * * *'], every: '6h' },
    { cron: ['0 2 * * *', '0 4 * * *'], everySeconds: 21_600, timeZone: 'UTC' },
  ],
  [{ every: 10 }, { cron: [], everySeconds: 10, timeZone: 'UTC' }],
])('%j is read', (schedule, read) => {
  const parsed = parse(schedule);
  expect(parsed.ok && parsed.task.schedule).toEqual(read);
});

const CRON = 'expected a cron expression of five fields such as `0 2 * * *`, got';
test.each([
  ['0 2 * * *', ['schedule: expected a map with `cron` or `every`, got "0 2 * * *"']],
  [{ time_zone: 'UTC' }, ['schedule: expected a map with `cron` or `every`, got neither']],
  [{ cron: '0 2 * *' }, [`schedule.cron: ${CRON} "0 2 * *"`]],
  [{ cron: '0 0 2 * * *' }, [`schedule.cron: ${CRON} "0 0 2 * * *"`]],
  [{ cron: '0 24 * * *' }, [`schedule.cron: ${CRON} "0 24 * * *"`]],
  [{ cron: '0 2 L * *' }, [`schedule.cron: ${CRON} "0 2 L * *"`]],
  [{ cron: '0 0 30 2 *' }, [`schedule.cron: ${CRON} "0 0 30 2 *"`]],
  [{ cron: ['0 2 * * *', 5] }, [`schedule.cron[1]: ${CRON} 5`]],
  [{ every: '0s' }, ['schedule.every: expected at least 1s, got "0s"']],
  [{ every: '1h', time_zone: 'Mars/Base' }, ['schedule.time_zone: expected a time zone such as `Europe/Berlin`, got "Mars/Base"']],
  [{ every: '1h', crom: 'x' }, ['schedule: `crom` is not a known key; did you mean `cron`?']],
])('%j is refused with a sentence', (schedule, complaints) => {
  const parsed = parse(schedule);
  expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual(complaints);
});
