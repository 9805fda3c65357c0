import type { LeaseRequested } from '../../spec/messages.js';

/** What a fleet may have to do of its own accord. Epoch milliseconds. */
export interface WakeFacts {
  queue: readonly Pick<LeaseRequested, 'extra' | 'unmet' | 'deadlineMs'>[];
  /** Until when it grants nothing; null: it grants. */
  quietUntilMs: number | null;
  /** When it will be known which hosts there are; null: it is, or there are none. */
  settlesAtMs: number | null;
  sweepAtMs: number;
}

/** When a fleet is to wake though it hears nothing; infinity: not at all. Who wants extra hosts wakes it never: a quiet week adds no events. */
export function decideWake({ queue, quietUntilMs, settlesAtMs, sweepAtMs }: WakeFacts): number {
  if (quietUntilMs !== null) return quietUntilMs;
  const ordinary = queue.filter(({ extra }) => !extra);
  if (ordinary.length === 0) return Number.POSITIVE_INFINITY;
  const settles = settlesAtMs !== null && ordinary.some(({ unmet }) => unmet === 'refuse') ? [settlesAtMs] : [];
  return Math.min(...ordinary.map(({ deadlineMs }) => deadlineMs), ...settles, sweepAtMs);
}
