import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { HISTORIES } from './record.js';

const codePath = new URL('../../dist/workflow-bundle.js', import.meta.url).pathname;
const files = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));

it('has a history of a run, a cell and a fleet', () => {
  expect(['run-succeeds', 'cell-succeeds', 'fleet-grants'].filter((behaviour) => !files.some((name) => name.startsWith(`${behaviour}@`)))).toEqual([]);
});

it.each(files)('replays %s', async (name) => {
  const { workflowId, ...history } = JSON.parse(readFileSync(`${HISTORIES}${name}`, 'utf8'));
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, workflowId);
});
