import type { HostStatus, Muster, RunStatus } from '../client/index.js';

/** Of more runs it is not asked: each costs a look of a control worker. */
const RUNS_ASKED = 50;
/** A run that does not answer must not keep anybody from the list. */
const LIMIT_MS = 2_000;

/** The hosts of which the runs that have them hear nothing. The fleet holds such a host as any other, and only its run knows. */
export async function silentHosts(muster: Pick<Muster, 'runs'>, hosts: readonly HostStatus[]): Promise<ReadonlySet<string>> {
  const handles = new Set(hosts.flatMap(({ lease }) => (lease?.state === 'held' ? [lease.handle] : [])));
  const asked = [...handles].slice(0, RUNS_ASKED).map((handle) => statusOf(muster, handle));
  const silent = (await Promise.all(asked)).flatMap((status) => status?.nodes.filter(({ state }) => state === 'silent') ?? []);
  return new Set(silent.map(({ host }) => host));
}

function statusOf(muster: Pick<Muster, 'runs'>, handle: string): Promise<RunStatus | null> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(null), LIMIT_MS);
    muster.runs
      .get(handle)
      .status()
      .then(resolve, () => resolve(null))
      .finally(() => clearTimeout(limit));
  });
}
