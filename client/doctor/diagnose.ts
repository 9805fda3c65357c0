import { dial, ServerTooOld, TemporalUnreachable } from '../../connection/dial.js';
import { readTemporalOptions, type TemporalOptions } from '../../connection/options.js';
import { DEFAULT_FLEET } from '../../spec/ids.js';
import { Muster } from '../connect.js';
import { checkAgents } from './agent-checks.js';
import { type Check, problem } from './check.js';
import { readFacts } from './facts.js';
import { checkControl, checkHosts, checkPolls, checkQueue } from './fleet-checks.js';
import { checkServer } from './server-checks.js';

export interface DiagnoseOptions {
  temporal?: TemporalOptions;
  fleet?: string;
  /** What `frontend.namespaceCount` of the server is, where somebody has set it: it cannot be read. */
  pollLimit?: number;
}

/**
 * Looks at everything that a run needs, from Temporal to the hosts' disks, within a minute; starts no run and changes nothing. What
 * cannot be reached is a check that says so. Throws `BadConnectionConfig`.
 */
export async function diagnose({ temporal = readTemporalOptions(), fleet = DEFAULT_FLEET, pollLimit }: DiagnoseOptions = {}): Promise<Check[]> {
  try {
    const client = await dial(temporal);
    const muster = new Muster(client);
    try {
      const facts = await readFacts(client, temporal, fleet, () => muster.hosts(fleet));
      const server = checkServer(facts);
      if (facts.namespace === null) return server;
      return [...server, checkControl(facts), checkHosts(facts), checkQueue(facts, Date.now()), checkPolls(facts, pollLimit ?? null), ...checkAgents(facts)];
    } finally {
      await muster.close();
    }
  } catch (error) {
    return [describeTrouble(error, temporal)];
  }
}

// gRPC's numbers.
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

/** Throws what is none: a mistake in the configuration, or a bug. */
function describeTrouble(error: unknown, { address, namespace, tls, apiKey }: TemporalOptions): Check {
  const name = 'temporal';
  if (error instanceof ServerTooOld) return problem('server', error.message.replace(/\.$/, ''), 'upgrade the Temporal server');
  const { code, details } = grpcOf(error);
  const words = details === '' ? '' : ` (${details})`;
  if (code === UNAUTHENTICATED) {
    const mend = apiKey
      ? 'set another TEMPORAL_API_KEY'
      : 'set TEMPORAL_API_KEY, or a client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH)';
    return problem(name, `${address} takes no call without valid credentials${words}`, mend);
  }
  if (code === PERMISSION_DENIED) {
    return problem(
      name,
      `${address} denies these credentials the namespace ${namespace}${words}`,
      'set TEMPORAL_NAMESPACE, or use credentials that may read and write it',
    );
  }
  if (code === UNIMPLEMENTED)
    return problem(name, `what answers at ${address} is no Temporal frontend`, 'set TEMPORAL_ADDRESS to the frontend’s gRPC port (7233)');
  if (error instanceof TemporalUnreachable) {
    const [found = '', ...rest] = error.message.split('. ');
    const mend = rest.join('. ').replace(/\.$/, '');
    return problem(
      name,
      found,
      tls ? `${mend}; the server may speak no TLS, or have another certificate` : `${mend}; where it speaks TLS: set TEMPORAL_TLS=true`,
    );
  }
  if (code === undefined) throw error;
  return problem(name, `${address} was reached and then did not answer${words}`, 'run muster doctor again; when it stays so, look at the server’s log');
}

function grpcOf(error: unknown): { code: number | undefined; details: string } {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, details } = each as { code?: unknown; details?: unknown };
    if (typeof code === 'number') return { code, details: typeof details === 'string' ? (details.split('\n')[0] ?? '') : '' };
  }
  return { code: undefined, details: '' };
}
