import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts } from '../../spec/messages.js';

const LOOK_EVERY_MS = 50;
const ANSWER_LIMIT_MS = 2_000;

/** These hosts have not announced themselves in time. */
export class NotAnnounced extends Error {
  constructor(
    readonly missing: string[],
    /** Whether a control worker has answered at all. */
    readonly controlAnswered: boolean,
  ) {
    super(`${missing.join(', ')} not announced`);
  }
}

/** Resolves when the fleet knows all of these hosts. Throws `NotAnnounced`. */
export async function untilAnnounced(address: string, fleet: string, names: readonly string[], limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  const client = await dial({ address, namespace: 'default' });
  try {
    let known: string[] | undefined;
    while (Date.now() < deadline) {
      known = (await announced(client, fleet)) ?? known;
      if (names.every((name) => known?.includes(name))) return;
      await delay(LOOK_EVERY_MS);
    }
    throw new NotAnnounced(
      names.filter((name) => !known?.includes(name)),
      known !== undefined,
    );
  } finally {
    await client.connection.close();
  }
}

async function announced(client: Client, fleet: string): Promise<string[] | undefined> {
  try {
    const answer = await client.withDeadline(Date.now() + ANSWER_LIMIT_MS, () => client.workflow.getHandle(fleetWorkflowId(fleet)).query(hosts));
    return answer.map(({ host }) => host);
  } catch {
    // No fleet yet, or no control worker yet.
    return undefined;
  }
}
