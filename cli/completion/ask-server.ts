import type { Candidates } from './complete.js';

/** Whoever presses Tab waits no longer. */
const LIMIT_MS = 2_000;
const MOST = 200;

/** What the server knows under these names; nothing where it does not answer in time, or at all. */
export async function askServer({ ask, fleet }: Candidates): Promise<Candidates['words']> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Candidates['words']>((resolve) => {
    timer = setTimeout(() => resolve([]), LIMIT_MS);
  });
  return await Promise.race([names(ask, fleet).catch(() => []), late]).finally(() => clearTimeout(timer));
}

async function names(ask: Candidates['ask'], fleet: string | undefined): Promise<Candidates['words']> {
  const { connect } = await import('../../client/index.js');
  const muster = await connect();
  if (ask === 'hosts') return (await muster.hosts(fleet)).slice(0, MOST).map(({ host, state }) => ({ word: host, about: state }));
  if (ask === 'schedules') return (await muster.schedules.list()).slice(0, MOST).map(({ id, paused }) => ({ word: id, about: paused ? 'paused' : '' }));
  const runs = await muster.runs.list({ limit: MOST });
  return runs.filter(({ state }) => ask === 'runs' || state === 'running').map(({ run, state }) => ({ word: run, about: state }));
}
