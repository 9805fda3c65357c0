/** Changes are frequent when there were several within this. */
const RECENT_MS = 600_000;
const LONGEST_MS = 600_000;

/** How long a run waits for more hosts before it grows, in milliseconds: doubled by each of the recent changes but the first, at most 10 minutes. */
export function settleMs(facts: { settleSeconds: number; changedAtMs: readonly number[]; nowMs: number }): number {
  const recent = facts.changedAtMs.filter((atMs) => facts.nowMs - atMs < RECENT_MS).length;
  return Math.min(LONGEST_MS, facts.settleSeconds * 1000 * 2 ** Math.max(0, recent - 1));
}

/** Hosts that were lost so lately that they are left out, and when the first of them is not any more. */
export function decideFlapping(facts: { lostAtMs: Readonly<Record<string, number>>; forMs: number; nowMs: number }): { except: string[]; untilMs: number } {
  const lately = Object.entries(facts.lostAtMs).filter(([, atMs]) => facts.nowMs - atMs < facts.forMs);
  return { except: lately.map(([host]) => host), untilMs: Math.min(Number.POSITIVE_INFINITY, ...lately.map(([, atMs]) => atMs + facts.forMs)) };
}
