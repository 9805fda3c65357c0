import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, Runtime, DefaultLogger } from '@temporalio/worker';
import { findTestServerBinary } from '../../dist/workers/server/find.js';
import { createControlActivities } from '../../dist/activities/control/control-activities.js';
Runtime.install({ logger: new DefaultLogger('ERROR') });
const t0 = Date.now(); const T = (...a) => console.log(Date.now() - t0, ...a);
const env = await TestWorkflowEnvironment.createTimeSkipping({ client: {identity: 'test'}, server: { executable: { type: 'existing-path', path: await findTestServerBinary({ say() {} }) } } });
T('up');
const w = await Worker.create({ connection: env.nativeConnection, namespace: env.namespace, identity: 'test', taskQueue: 'muster.default', workflowBundle: { codePath: 'dist/workflow-bundle.js' }, activities: createControlActivities(env.client) });
const r = w.run(); T('worker');
const { client } = env;
const info = await client.workflowService.getSystemInfo({}); T(info.serverVersion, JSON.stringify(info.capabilities));
const announce = (h, i) => client.workflow.signalWithStart('musterFleet', { workflowId: 'muster-fleet-default', taskQueue: 'muster.default', args: [{ fleet: 'default' }], signal: 'hostAnnounced', signalArgs: [{ facts: { host: h, identity: 'i', address: '10.0.0.' + i, cpus: 1, memoryMb: 1, gpus: 0, labels: {} }, runIds: [], rebuilt: false }] });
await announce('a', 1);
T(await client.workflow.getHandle('muster-fleet-default').query('hosts'));
// queue timeout with skipping
const h = await client.workflow.start('musterRun', { workflowId: 'r1', taskQueue: 'muster.default', args: [{ nodes: 2, commands: ['x'] }] });
await h.result().catch((e) => T(e.cause?.type, e.cause?.message));
T(new Date(await env.currentTimeMs()).toISOString());
// silent host
const h2 = await client.workflow.start('musterRun', { workflowId: 'r2', taskQueue: 'muster.default', args: [{ nodes: 1, commands: ['x'], gather_timeout: 20 }] });
await Promise.race([h2.result().catch((e) => T(e.cause?.type, e.cause?.message)), new Promise((x) => setTimeout(x, 15000))]);
T(JSON.stringify(await h2.query('status')));
const s = Date.now(); await Promise.race([env.sleep(30000), new Promise((x) => setTimeout(x, 10000))]); T('sleep took', Date.now() - s);
T(new Date(await env.currentTimeMs()).toISOString());
w.shutdown(); await r; await env.teardown(); T('down');
