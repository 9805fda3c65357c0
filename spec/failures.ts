/** Who has to act on a failure: the one who wrote the task, who runs the host, or who maintains Muster. */
export type FailureOrigin = 'user' | 'host' | 'runner';

/** One row of the table of failures. */
export interface FailureKind {
  origin: FailureOrigin;
  /** Who tries again, in words. */
  retried: string;
  /** What the reader should do. */
  mend: string;
  /** What to do besides where a program ended with this exit code. */
  exits?: Readonly<Record<number, string>>;
}

/**
 * Every type of failure, as it stands in `ApplicationFailure.type`, in `reason` and in `docs/failures.md`.
 * A type once published keeps its meaning.
 */
export const FAILURES = {
  InvalidSpec: {
    origin: 'user',
    retried: 'nobody',
    mend: 'Mend the task file; `muster check FILE` shows every problem with its line.',
  },
  CommandNotFound: {
    origin: 'user',
    retried: 'nobody',
    mend: 'Install the shell on the named host, or name another with `shell:`.',
  },
  CommandFailed: {
    origin: 'user',
    retried: 'the run, as `restart` says',
    mend: 'Read the last lines of the named node, or `muster logs RUN --rank R`.',
    exits: { 126: 'The file may not be executed: `chmod +x` it, then apply or start again.' },
  },
  OutOfMemory: {
    origin: 'user',
    retried: 'the run, as `restart` says',
    mend: 'The kernel killed a process of the named node because memory was out: use less of it, or take a host with more.',
  },
  Unhealthy: {
    origin: 'user',
    retried: 'the run, as `restart` says',
    mend: 'Read the last output of the check in the message; mend the program or the check, or raise `timeout`, `failures` or `start_period` under `health`.',
  },
  ResizeFailed: {
    origin: 'user',
    retried: 'the run, as `restart` says',
    mend: 'The command of `on_resize` failed on the named node, or took too long; its last output is in the message. Mend it, or raise its `timeout`.',
  },
  AddressNotFound: {
    origin: 'host',
    retried: 'nobody',
    mend: 'Start the agent with `--address`, `--network` or `--interface`.',
  },
  DuplicateAddress: {
    origin: 'host',
    retried: 'nobody',
    mend: 'Give the two named hosts different addresses (`muster host --address`).',
  },
  PeersUnreachable: {
    origin: 'host',
    retried: 'the run, with other addresses of the named hosts where they have some, at most three times',
    mend: 'Open the ports of the agents (`muster host --port`) between the named hosts, or name a network that they share (`network:`, `interface:`).',
  },
  BarrierBroken: {
    origin: 'host',
    retried: 'the run, in a new generation, at most three times',
    mend: 'Look at the named ranks: their agent, and whether they reach the port of rank 0.',
  },
  GatherTimeout: {
    origin: 'host',
    retried: 'the run, with other hosts, until gather_timeout',
    mend: 'Start the agents of the named hosts, or leave those hosts out.',
  },
  QueueTimeout: {
    origin: 'host',
    retried: 'nobody',
    mend: 'Start more hosts, ask for fewer nodes, or raise `queue_timeout`.',
  },
  CannotBeMet: {
    origin: 'user',
    retried: 'nobody',
    mend: 'Ask for less, start more hosts, or give `queue_timeout` to wait for them; `muster plan FILE` shows what would fit.',
  },
  NotReady: {
    origin: 'user',
    retried: 'the run, as `restart` says',
    mend: 'Read the last output of the gate in the message; raise `timeout` under `startup_order`, or mend the program or the gate.',
  },
  HostLost: {
    origin: 'host',
    retried: 'the run, as `on_host_loss` and the rules of `restart` say',
    mend: 'Look at the named host: is it up, does its agent run, does it reach Temporal?',
  },
  HostStateLost: {
    origin: 'host',
    retried: 'the run, as `on_host_loss` and the rules of `restart` say',
    mend: 'The data directory of the named agent was lost or changed; its processes of the run were ended. Submit again.',
  },
  HostRestarted: {
    origin: 'host',
    retried: 'the run, as `on_host_loss` and the rules of `restart` say',
    mend: 'The machine or the container of the named host was restarted under its program; look at its log for the reason.',
  },
  Fenced: {
    origin: 'host',
    retried: 'the run, as `on_host_loss` and the rules of `restart` say',
    mend: 'With `fencing: strict` the agent had no Temporal for `host_timeout` and ended its program: mend the way to Temporal, or raise `host_timeout`.',
  },
  HostIdInUse: {
    origin: 'host',
    retried: 'nobody',
    mend: 'Give each agent a name of its own (`muster host --name`).',
  },
  ShimLost: {
    origin: 'host',
    retried: 'the run, as `restart` says',
    mend: 'Something killed the process that Muster keeps beside the program (out of memory, or a kill by hand); the program was ended.',
  },
  NodeSetupFailed: {
    origin: 'host',
    retried: 'the run, as `restart` says',
    mend: 'The host could not prepare the node (disk full, no right to write); the message says what failed.',
  },
  RestartsExhausted: {
    origin: 'user',
    retried: 'nobody',
    mend: 'Mend the last failure, which the message names; or raise `attempts` or `losses` under `restart`.',
  },
  MaxDuration: {
    origin: 'user',
    retried: 'nobody',
    mend: 'Raise `max_duration`, or make the program faster.',
  },
  Stopped: { origin: 'user', retried: 'nobody', mend: 'Somebody asked for it.' },
  Cancelled: { origin: 'user', retried: 'nobody', mend: 'Somebody cancelled the workflow.' },
  Superseded: {
    origin: 'runner',
    retried: 'nobody',
    mend: 'A newer generation took the place of this start; nothing is to be done.',
  },
  Internal: {
    origin: 'runner',
    retried: 'nobody',
    mend: 'A bug of Muster: report it with the run’s history.',
  },
} as const satisfies Record<string, FailureKind>;

export type FailureType = keyof typeof FAILURES;

/** A failure as data. `message` is a sentence for people. */
export interface Failure {
  type: FailureType;
  message: string;
}
