import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';

const POLL_EVERY_MS = 25;
// gRPC codes. The shard answers "not found" for a workflow that never was as soon as it is there to ask.
const NOT_FOUND = 5;

/**
 * Resolves once a workflow could be started on the server: the port answers, the namespace is there and the history shard is owned.
 * Raises when `signal` aborts, with its reason.
 */
export async function untilReady(address: string, namespace: string, signal: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  // Asking the port first keeps the gRPC client out of its own reconnect back-off.
  await until(() => answers(hostname.replace(/^\[|\]$/g, ''), Number(port)), signal);
  const connection = Connection.lazy({ address });
  try {
    await until(() => serves(connection, namespace), signal);
  } finally {
    await connection.close();
  }
}

async function until(isSo: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await isSo()) return;
    await delay(POLL_EVERY_MS);
  }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function serves(connection: Connection, namespace: string): Promise<boolean> {
  try {
    return await connection.withDeadline(Date.now() + 1_000, async () => {
      await connection.workflowService.describeNamespace({ namespace });
      return await connection.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: 'muster-readiness' } }).then(
        () => true,
        (error: { code?: number }) => error.code === NOT_FOUND,
      );
    });
  } catch {
    return false;
  }
}
