/** How long a host has to answer again after Temporal itself was away. Measured: agents poll again within 10 s. */
const PATIENCE_MS = 120_000;
/** A timeout whose word comes so much later than its time: Temporal or the control workers were away meanwhile. */
export const LATE_MS = 2_000;
/** A silent host is asked again so often; each time costs three events. */
const ASK_EVERY_MS = 10_000;
/** The same for a host that its peers reach. */
const ASK_REACHABLE_EVERY_MS = 300_000;

/** What is known of a silent host. Times are epoch milliseconds of the server's clock. */
export interface Silence {
  nowMs: number;
  /** Its last sign of life. */
  sinceMs: number;
  /** When it was noticed that Temporal or the control workers had been away: no wonder that nothing was heard. Null: they were not. */
  outageAtMs: number | null;
  /** When at least two, and at least half, of the nodes that are looked after together were silent; null: they never were. */
  togetherAtMs: number | null;
  hostTimeoutMs: number;
  /** What the agents of other nodes say. `none`: nobody was there to ask, or nobody has said anything yet. */
  peers: 'none' | 'reachable' | 'unreachable';
}

/** `wait`: it is to be asked again, and may take so long to take that up. */
export type SilenceDecision = { kind: 'wait'; ms: number } | { kind: 'lost' };

/**
 * Whether a silent host is lost. The word of its peers goes before everything: a host that they reach is not lost. Without any, a silence in
 * which Temporal was away, or that fell on half of the nodes at once, is an outage: nothing is decided until the host has had two minutes to
 * answer.
 */
export function decideSilence(silence: Silence): SilenceDecision {
  const { nowMs, sinceMs, outageAtMs, togetherAtMs, hostTimeoutMs, peers } = silence;
  if (peers === 'reachable') return { kind: 'wait', ms: ASK_REACHABLE_EVERY_MS };
  const outages = peers === 'none' ? [outageAtMs, togetherAtMs] : [];
  const patient = outages.flatMap((atMs) => (atMs === null ? [] : [atMs + PATIENCE_MS]));
  const leftMs = Math.max(sinceMs + hostTimeoutMs, ...patient) - nowMs;
  return leftMs > 0 ? { kind: 'wait', ms: Math.min(leftMs, ASK_EVERY_MS) } : { kind: 'lost' };
}

/** Did so many of the nodes that still run fall silent together that it tells more of Temporal than of their hosts? */
export function areTogether(silent: number, running: number): boolean {
  return silent >= 2 && silent * 2 >= running;
}

/**
 * How late the word of a missing beat has to come to tell that Temporal, or the control workers, were away. Agents need as long again to come back as
 * Temporal was away: with a short host_timeout, half a second of it is enough to lose a healthy host that nobody else can ask for. Measured.
 */
export function lateMs(hostTimeoutMs: number): number {
  return Math.min(LATE_MS, hostTimeoutMs / 12);
}
