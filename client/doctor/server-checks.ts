import { compareVersions, MINIMUM_SERVER } from '../../connection/dial.js';
import { judgeSearchAttributes, registerCommand } from '../../spec/search-attributes.js';
import { type Check, ok, problem, warning } from './check.js';
import type { DoctorFacts } from './facts.js';

const DAY_MS = 86_400_000;
const SKEW_MS = 1_000;
/** Timers are punctual within a millisecond or so on a server that was set up for it, and up to 1 s late on others; busy machines take some of that. */
const LATE_MS = 500;

/** The settings of a server with one history shard that let steps go on at once, with the values of Muster's own dev server. */
export const STEP_SETTINGS: Readonly<Record<string, number | string>> = {
  'history.transferProcessorMaxPollRPS': 5_000,
  'history.timerProcessorMaxPollRPS': 5_000,
  'history.timerProcessorMaxTimeShift': '10ms',
  'history.outboundProcessorMaxPollRPS': 5_000,
  'history.visibilityProcessorMaxPollRPS': 1_000,
};

/** Temporal itself, its version, its namespace and how fast it goes from step to step. */
export function checkServer(facts: DoctorFacts): Check[] {
  const { temporal, server, namespace } = facts;
  const how = temporal.tls ? 'with TLS' : 'without TLS';
  const reached = ok('temporal', `${temporal.address} answers within ${Math.ceil(server.roundTripMs)} ms, ${how}${temporal.apiKey ? ' and an API key' : ''}`);
  if (namespace === null) {
    const mend = `create it (temporal operator namespace create --retention 7d ${temporal.namespace}), or set TEMPORAL_NAMESPACE`;
    return [reached, checkVersion(facts), problem('namespace', `there is no namespace ${temporal.namespace}`, mend)];
  }
  return [reached, checkVersion(facts), checkNamespace(facts), checkSearchAttributes(facts), checkSteps(facts), checkServerClock(facts)];
}

function checkVersion({ server, namespace }: DoctorFacts): Check {
  const { version, shards, store } = server;
  const known = [shards === null ? '' : `${shards} history shard${shards === 1 ? '' : 's'}`, store ?? ''].filter(Boolean);
  const rest = known.length > 0 ? `, ${known.join(', ')}` : '';
  if (version === '') return ok('server', `it does not tell its version; ${MINIMUM_SERVER} or newer is needed${rest}`);
  if (compareVersions(version, MINIMUM_SERVER) < 0) {
    return problem('server', `it is ${version}, and ${MINIMUM_SERVER} or newer is needed`, `upgrade the Temporal server (with its CLI: to 1.9 or newer)`);
  }
  if (namespace?.standaloneActivities === false) {
    const mend = 'set activity.enableStandalone to true in the server’s dynamic config';
    return problem('server', `${version} has standalone activities switched off: no output can be read and no host asked`, mend);
  }
  return ok('server', `${version}${rest}`);
}

function checkNamespace({ temporal, namespace }: DoctorFacts): Check {
  const { retentionMs } = namespace ?? { retentionMs: null };
  if (retentionMs === null) return ok('namespace', `${temporal.namespace}; it does not tell its retention`);
  const days = retentionMs / DAY_MS;
  const long = days >= 1 ? `${Math.round(days * 10) / 10} d` : `${Math.round(retentionMs / 3_600_000)} h`;
  const found = `${temporal.namespace} knows ended runs for ${long}`;
  if (days >= 1) return ok('namespace', found);
  return warning('namespace', `${found}, and agents keep their output for 7 d`, `temporal operator namespace update --retention 7d ${temporal.namespace}`);
}

function checkSearchAttributes({ temporal: { namespace, address }, searchAttributes }: DoctorFacts): Check {
  const name = 'search attributes';
  if (searchAttributes === null) return ok(name, 'they cannot be read here; runs go without them');
  const { missing, mistyped } = judgeSearchAttributes(searchAttributes);
  if (mistyped.length > 0) {
    const mend = `free the name${mistyped.length === 1 ? '' : 's'} for Muster, or leave it: runs go without`;
    return warning(name, `${mistyped.join(', ')} ${mistyped.length === 1 ? 'has' : 'have'} another type than Muster’s`, mend);
  }
  if (missing.length === 0) return ok(name, 'all are registered');
  return warning(
    name,
    `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not registered: runs cannot be searched by them`,
    registerCommand(missing, { namespace, address }),
  );
}

function checkSteps({ server, timerLateMs }: DoctorFacts): Check {
  const name = 'steps';
  if (timerLateMs === null)
    return warning(name, 'how late the server’s timers are could not be measured', 'run muster doctor again; when it stays so, look at the server’s log');
  const late = `a timer of 50 ms was ${Math.round(timerLateMs)} ms late`;
  if (timerLateMs < LATE_MS) return ok(name, late);
  // With hundreds of shards each has a queue of its own, and only timers are late.
  if (server.shards !== 1) return ok(name, `${late}, as on a server with default settings`);
  const settings = Object.entries(STEP_SETTINGS).map(([key, value]) => `${key}=${value}`);
  return warning(
    name,
    `${late}: with one history shard and default settings every step of a run waits for the next`,
    `set in the server’s dynamic config: ${settings.join(', ')} (a dev server takes each as --dynamic-config-value; muster dev sets them)`,
  );
}

function checkServerClock({ serverAheadMs }: DoctorFacts): Check {
  const name = 'server clock';
  if (serverAheadMs === null) return ok(name, 'not measured');
  const away = awayMs(serverAheadMs);
  if (away <= SKEW_MS) return ok(name, 'it agrees with this machine’s');
  const side = serverAheadMs.least > 0 ? 'ahead of' : 'behind';
  return warning(name, `it is ${seconds(away)} ${side} this machine’s`, 'set the clocks by NTP (chronyc tracking, timedatectl)');
}

/** How far two clocks are apart at least. */
export function awayMs({ least, most }: { least: number; most: number }): number {
  if (least <= 0 && most >= 0) return 0;
  return Math.min(Math.abs(least), Math.abs(most));
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
