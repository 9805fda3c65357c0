import { Worker } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { drain } from '../../spec/messages.js';
import { until } from '../helpers/until.js';
import { BUNDLE, fleetHandle, hostsOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage('real', { forgetful: true });

it('a fleet that grants a host as it is resumed replays, whatever was heard just before that', async () => {
  await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
  const fleet = fleetHandle(stage.env);
  const drained = (wish: boolean) => fleet.executeUpdate(drain, { args: [{ host: 'a', drained: wish }] });
  await drained(true);
  const run = await stage.run({ nodes: '1..2', settle: 0 });
  await run.untilStatus(({ phase }) => phase === 'running');
  await until(
    async () => (await fleet.fetchHistory()).events?.filter(({ workflowExecutionSignaledEventAttributes: got }) => got?.signalName === 'leaseRequested').length,
    3,
  );
  await Promise.all([drained(false), drained(false)]);
  await run.untilStatus(({ nodes }) => nodes.length === 2);
  const history = await fleet.fetchHistory();
  await expect(Worker.runReplayHistory({ workflowBundle: { codePath: BUNDLE } }, history, fleet.workflowId)).resolves.toBeUndefined();
  await run.stop('now');
  await run.outcome();
  await until(async () => (await hostsOf(stage.env)).every(({ lease }) => lease === null), true);
});
