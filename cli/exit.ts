import { inspect } from 'node:util';
import { AWAY, REFUSED } from '../client/rpc-words.js';
import type { RunStatus } from '../spec/nodes.js';

/** What the command ends with, as docs/command-line.md lists it. 130 and 143 are 128 and the signal that interrupted it. */
export const EXIT = {
  succeeded: 0,
  runFailed: 1,
  usage: 2,
  unreachable: 3,
  timedOut: 4,
  stopped: 5,
  bug: 70,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

/** A mistake of whoever typed the command. The message is one sentence, without a full stop. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ends the command with this code; everything was said already. */
export class Exit extends Error {
  override readonly name = 'Exit';

  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

// By the name of the class: most of them live in modules that only some verbs load.
const CODES: Record<string, number> = {
  UsageError: EXIT.usage,
  InvalidTask: EXIT.usage,
  RunNotFound: EXIT.usage,
  RankNotFound: EXIT.usage,
  HostNotFound: EXIT.usage,
  ScheduleNotFound: EXIT.usage,
  BadConnectionConfig: EXIT.usage,
  PortTaken: EXIT.usage,
  AddressNotFound: EXIT.usage,
  DataDirUnusable: EXIT.usage,
  HostIdInUse: EXIT.usage,
  MetricsAddressUnusable: EXIT.usage,
  RunEnded: EXIT.runFailed,
  CommandRefused: EXIT.runFailed,
  StartEnded: EXIT.runFailed,
  TooManyWatchers: EXIT.runFailed,
  RescaleRefused: EXIT.runFailed,
  FiringRefused: EXIT.runFailed,
  DevStackFailed: EXIT.runFailed,
  TemporalUnreachable: EXIT.unreachable,
  ServerTooOld: EXIT.unreachable,
  TemporalRefused: EXIT.unreachable,
  ServerNotFound: EXIT.unreachable,
  ServerNotReady: EXIT.unreachable,
  NobodyAnswers: EXIT.unreachable,
  CommandLost: EXIT.unreachable,
  AgentUnreachable: EXIT.unreachable,
  WaitTimedOut: EXIT.timedOut,
  CommandTimedOut: EXIT.timedOut,
};

// gRPC's numbers.
const [INVALID_ARGUMENT, NOT_FOUND] = [3, 5];
/** What they mean where an error comes as the SDK or the connection throws it. */
const RPC: Record<number, string> = { ...AWAY, ...REFUSED, [NOT_FOUND]: 'Temporal does not know the namespace' };

/** What a command that failed says and ends with: one sentence for everything but a bug. */
export function verdictOf(error: unknown): { code: number; message: string } {
  if (error instanceof Exit) return { code: error.code, message: '' };
  if (error instanceof Error) {
    const code = CODES[error.name] ?? CODES[error.constructor.name];
    if (code !== undefined) return { code, message: error.message };
    const said = saidByTemporal(error);
    if (said !== undefined) return said;
  }
  const stack = inspect(error);
  return { code: EXIT.bug, message: `Muster has a bug: ${stack}` };
}

/** The exit code that a run's end means. */
export function codeOf({ phase, reason }: Pick<RunStatus, 'phase' | 'reason'>): number {
  if (phase === 'succeeded') return EXIT.succeeded;
  if (phase === 'cancelled') return EXIT.stopped;
  return reason === 'InvalidSpec' ? EXIT.usage : EXIT.runFailed;
}

function saidByTemporal(error: Error): { code: number; message: string } | undefined {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { code, details, namespace } = each as { code?: unknown; details?: unknown; namespace?: unknown };
    if (each.name === 'NamespaceNotFoundError') return { code: EXIT.unreachable, message: `${RPC[NOT_FOUND]} ${namespace}` };
    // Programs that fail have a number, too, but no details.
    if (typeof code !== 'number' || typeof details !== 'string') continue;
    const words = details === '' ? '' : ` (${details})`;
    if (code === INVALID_ARGUMENT) return { code: EXIT.usage, message: `Temporal does not take what was asked for${words}` };
    if (RPC[code] !== undefined) return { code: EXIT.unreachable, message: `${RPC[code]}${words}` };
  }
  return undefined;
}
