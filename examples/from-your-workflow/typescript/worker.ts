// A worker whose workflow has a run of many nodes as one of its steps.
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';

const connection = await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233' });
const worker = await Worker.create({
  connection,
  taskQueue: 'train-typescript',
  workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
});
await worker.run();
