import type { HostStatus } from '../../spec/fleet.js';
import { CONTROL_ACTIVITY_POLLS, CONTROL_WORKFLOW_POLLS, DEFAULT_POLL_LIMIT, HOST_ACTIVITY_POLLS } from '../../spec/polls.js';
import { type Check, counted, ok, problem, some, warning } from './check.js';
import type { DoctorFacts } from './facts.js';
import { isPolling } from './pollers.js';

/** So many people should be able to follow a run on all hosts at once. */
const FOLLOWERS = 10;
/** A run that waits longer is not just being granted its hosts. */
const WAITED_MS = 60_000;
/** What Temporal Cloud allows. */
const CLOUD_POLL_LIMIT = 20_000;

/** Who decides. */
export function checkControl({ fleet, control, hosts }: DoctorFacts): Check {
  const name = 'control workers';
  const [own] = control;
  const start = `start one: muster control${fleet === 'default' ? '' : ` --fleet ${fleet}`}`;
  if (!own || own.pollers === null) return warning(name, `who serves ${own?.queue ?? 'the fleet'} could not be read`, 'run muster doctor again');
  const alive = own.pollers.filter(isPolling);
  if (hosts === 'unanswered') {
    const found =
      alive.length === 0 ? `none serves ${own.queue}` : `none answers, though ${counted(alive.length, 'poller')} of ${own.queue} was seen within a minute`;
    return problem(name, `${found}: nothing is decided, and no run starts`, alive.length === 0 ? start : `look at their logs, or ${start}`);
  }
  if (alive.length === 0) {
    if (hosts.length > 0) return ok(name, `one answers for ${own.queue}`);
    return problem(name, `none serves ${own.queue}: nothing is decided, and no run starts`, start);
  }
  const versions = [...new Set(alive.map(({ identity }) => controlVersion(identity)))].sort();
  const found = `${counted(alive.length, 'worker')} of ${own.queue} (${versions.join(', ')}): ${some(alive.map(({ identity }) => identity))}`;
  if (versions.length === 1) return ok(name, found);
  return warning(name, found, 'stop those of the older version: what one version began another may not be able to go on with');
}

/** `muster-control/0.1.0/4711@rack-1` is what ours call themselves. */
function controlVersion(identity: string): string {
  return /^muster-control\/([^/]+)\//.exec(identity)?.[1] ?? 'version unknown';
}

/** The hosts as the fleet knows them. */
export function checkHosts({ fleet, hosts }: DoctorFacts): Check {
  const name = 'hosts';
  if (hosts === 'unanswered') return warning(name, 'not known: no control worker answers', '');
  if (hosts.length === 0)
    return problem(name, `the fleet ${fleet} has none`, `muster host${fleet === 'default' ? '' : ` --fleet ${fleet}`} makes a machine one`);
  const of = (state: HostStatus['state']) => hosts.filter((host) => host.state === state);
  const states = [...new Set(hosts.map(({ state }) => state))].map((state) => `${of(state).length} ${state}`);
  const found = `${counted(hosts.length, 'host')}: ${states.join(', ')}`;
  const names = (list: HostStatus[]) => some(list.map(({ host }) => host));
  const [incompatible, silent, drained] = [of('incompatible'), of('silent'), of('drained')];
  const mends = [
    incompatible.length > 0 ? `${names(incompatible)}: ${incompatible[0]?.problem}` : '',
    silent.length > 0 ? `${names(silent)}: look at the agent there (systemctl status muster-host)` : '',
    drained.length > 0 && hosts.length === drained.length ? `muster resume ${drained[0]?.host} takes a host into use again` : '',
  ].filter(Boolean);
  const usable = hosts.some(({ state }) => state === 'free' || state === 'held' || state === 'releasing');
  if (!usable) return problem(name, `${found}; none can be used`, mends.join('; '));
  return mends.length > 0 ? warning(name, found, mends.join('; ')) : ok(name, found);
}

/** What waits for hosts, and is not just asking. `nowMs`: of this machine, whose clock may differ from the server's by as much as `server clock` says. */
export function checkQueue({ census, serverAheadMs }: DoctorFacts, nowMs: number): Check {
  const name = 'queue';
  if (census === null) return ok(name, 'not known: no fleet tells');
  const { waiting, waitingSinceMs } = census;
  if (waiting === 0 || waitingSinceMs === null) return ok(name, 'no run waits for hosts');
  const waitedMs = Math.max(0, nowMs + (serverAheadMs?.least ?? 0) - waitingSinceMs);
  const found = `${counted(waiting, 'request')} for hosts wait${waiting === 1 ? 's' : ''}, the longest for ${waitedMs < 120_000 ? `${Math.round(waitedMs / 1_000)} s` : `${Math.round(waitedMs / 60_000)} min`}`;
  if (waitedMs < WAITED_MS) return ok(name, found);
  return warning(name, found, 'muster ps lists the runs; muster plan FILE says what a task waits for');
}

/** Whether a namespace's polls suffice. `told`: what somebody has set; it cannot be read. */
export function checkPolls({ temporal, control, hosts }: DoctorFacts, told: number | null): Check {
  const name = 'polls';
  const isCloud = /\.(tmprl\.cloud|temporal\.io)(:\d+)?$/.test(temporal.address);
  const limit = told ?? (isCloud ? CLOUD_POLL_LIMIT : DEFAULT_POLL_LIMIT);
  const source = told !== null ? 'as --poll-limit says' : isCloud ? 'as in Temporal Cloud' : 'the server’s default, which is assumed: it cannot be read';
  const allowed = `${limit.toLocaleString('en')} that the namespace allows at once (${source})`;
  const count = hosts === 'unanswered' ? 0 : hosts.length;
  const workers = control.map(({ pollers }) => (pollers ?? []).filter(isPolling).length).reduce((sum, each) => sum + each, 0);
  const needed = count * HOST_ACTIVITY_POLLS + workers * CONTROL_ACTIVITY_POLLS;
  const decisions = workers * CONTROL_WORKFLOW_POLLS.most;
  const found = `${counted(count, 'host')} and the control workers keep ${needed.toLocaleString('en')} activity polls open, of ${allowed}`;
  // Reads of output wait in a count of their own.
  const followers = count === 0 ? Number.POSITIVE_INFINITY : Math.floor(limit / count);
  const wanted = Math.max(count * 2 * FOLLOWERS, needed * 4, decisions * 2);
  const setting = Math.ceil(wanted / 1_000) * 1_000;
  const mend = isCloud
    ? 'split the hosts over several namespaces, or ask Temporal for more pollers'
    : `set frontend.namespaceCount to ${setting} in the server’s dynamic config (a dev server: --dynamic-config-value frontend.namespaceCount=${setting}); then muster doctor --poll-limit ${setting}`;
  if (needed > limit || decisions > limit) return problem(name, `${found}: those over it are refused, and their work waits`, mend);
  if (needed > limit / 2) return warning(name, `${found}: there is no room for as many again`, mend);
  if (followers >= FOLLOWERS) return ok(name, found);
  return warning(name, `${found}; each follower of a run on all hosts waits with ${count} reads more, which are counted apart: ${followers} fill that`, mend);
}
