import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { HostDescription, MachineState } from '../../spec/activities.js';
import type { HostStatus } from '../../spec/fleet.js';
import { hostQueue } from '../../spec/ids.js';
import { isPolling, readPollers, TASK_QUEUE } from './pollers.js';

/** What was heard of a host's agent just now. */
export interface AgentFacts {
  host: string;
  /** When the server has seen it ask for work last; null: not within five minutes, or it is not known. */
  seenAgoMs: number | null;
  /** `silent`: it did not answer in time. `unasked`: there was no time left to ask. */
  answer: 'heard' | 'silent' | 'unasked';
  /** null where it did not answer, or is too old to tell. */
  machine: MachineState | null;
  /** How far its clock is ahead of this machine's, at least and at most; null where it did not tell. */
  aheadMs: { least: number; most: number } | null;
}

/** A host that lives answers within milliseconds; a busy server takes its time. */
const ANSWER_LIMIT_MS = 3_000;
/** For all hosts together that the server has seen within a minute; and for the others, which are hardly there. */
const SEEN_LIMIT_MS = 20_000;
const UNSEEN_LIMIT_MS = 4_000;
const AT_ONCE = 50;

/** Asks every host's agent, those first that the server has just seen, many at once, within half a minute. Never rejects. */
export async function askAgents(client: Client, fleet: string, hosts: readonly HostStatus[], serverAheadMs: number): Promise<AgentFacts[]> {
  const endsAtMs = performance.now() + SEEN_LIMIT_MS;
  const known = await inBatches(hosts, async ({ host }) => {
    const look = () => readPollers(client, hostQueue(fleet, host), TASK_QUEUE.activity, serverAheadMs);
    const pollers = performance.now() > endsAtMs ? null : await client.withDeadline(Date.now() + ANSWER_LIMIT_MS, look).catch(() => null);
    const [newest] = (pollers ?? []).sort((a, b) => a.seenAgoMs - b.seenAgoMs);
    return { host, seenAgoMs: newest?.seenAgoMs ?? null, isKnown: pollers !== null, isSeen: newest !== undefined && isPolling(newest) };
  });
  const askAll = (of: typeof known, untilMs: number) =>
    inBatches(of, async ({ host, seenAgoMs, isKnown, isSeen }): Promise<AgentFacts> => {
      const facts = { host, seenAgoMs };
      // Whom the server has not seen does not ask for work: for the first of them that is made sure of.
      const late = isKnown && !isSeen ? 'silent' : 'unasked';
      if (performance.now() > untilMs) return { ...facts, answer: late, machine: null, aheadMs: null };
      return { ...facts, ...(await ask(client, hostQueue(fleet, host))) };
    });
  const seen = await askAll(
    known.filter(({ isSeen }) => isSeen),
    endsAtMs,
  );
  const others = await askAll(
    known.filter(({ isSeen }) => !isSeen),
    performance.now() + UNSEEN_LIMIT_MS,
  );
  const answers = new Map([...seen, ...others].map((facts) => [facts.host, facts]));
  return hosts.flatMap(({ host }) => answers.get(host) ?? []);
}

async function ask(client: Client, taskQueue: string): Promise<Pick<AgentFacts, 'answer' | 'machine' | 'aheadMs'>> {
  const askedAtMs = Date.now();
  const limits = { scheduleToStartTimeout: ANSWER_LIMIT_MS, scheduleToCloseTimeout: ANSWER_LIMIT_MS, retry: { maximumAttempts: 1 } };
  try {
    const question = () => client.activity.execute<HostDescription>('describeHost', { id: `doctor-${randomUUID()}`, taskQueue, ...limits });
    // The server's own limit comes late where its timers do.
    const { machine = null } = await client.withDeadline(Date.now() + 2 * ANSWER_LIMIT_MS, question);
    const heardAtMs = Date.now();
    return { answer: 'heard', machine, aheadMs: machine && { least: machine.clockMs - heardAtMs, most: machine.clockMs - askedAtMs } };
  } catch {
    return { answer: 'silent', machine: null, aheadMs: null };
  }
}

/** So many at once: whoever is done makes room for the next. */
async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
