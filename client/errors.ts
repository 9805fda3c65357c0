import { describeProblem, type Problem } from '../spec/task/parse.js';

/** The task cannot be run; `problems` holds everything that is wrong with it. */
export class InvalidTask extends Error {
  override readonly name = 'InvalidTask';

  constructor(readonly problems: Problem[]) {
    super(`The task is invalid: ${problems.map(describeProblem).join('; ')}`);
  }
}

/** There is no run of this handle in the namespace, or it is older than the namespace's retention; or what has this handle is no run. */
export class RunNotFound extends Error {
  override readonly name = 'RunNotFound';

  constructor(readonly handle: string) {
    super(`${handle === '' ? 'An empty text names no run' : `There is no run ${shortened(handle)}`}; \`muster ps\` lists the runs`);
  }
}

/** There is no schedule of this id that starts runs. */
export class ScheduleNotFound extends Error {
  override readonly name = 'ScheduleNotFound';

  constructor(readonly id: string) {
    super(`${id === '' ? 'An empty text names no schedule' : `There is no schedule ${shortened(id)} that starts runs`}; \`muster schedule list\` lists them`);
  }
}

/** The schedule starts nothing now; it goes on as it is. The message says why. */
export class FiringRefused extends Error {
  override readonly name = 'FiringRefused';
}

/** What was asked for can only be asked of a run that goes on. */
export class RunEnded extends Error {
  override readonly name = 'RunEnded';

  constructor(readonly handle: string) {
    super(`The run ${handle} has ended already`);
  }
}

/** The run cannot have so many nodes; it goes on as it is. The message says why, `cause` is what the workflow said. */
export class RescaleRefused extends Error {
  override readonly name = 'RescaleRefused';
}

/** Temporal answers, but no control worker does. */
export class NobodyAnswers extends Error {
  override readonly name = 'NobodyAnswers';

  constructor(what: string, options?: ErrorOptions) {
    super(`No control worker answers for ${what}; start one with \`muster control\``, options);
  }
}

/** Temporal answers, and refuses: the credentials, the permissions or the namespace are wrong. To ask again does not help. */
export class TemporalRefused extends Error {
  override readonly name = 'TemporalRefused';
}

/** The run goes on, but the time to wait for it is over. */
export class WaitTimedOut extends Error {
  override readonly name = 'WaitTimedOut';

  constructor(handle: string, limitMs: number) {
    super(`The run ${handle} has not ended within ${limitMs / 1000} s`);
  }
}

/** The fleet knows no such host. */
export class HostNotFound extends Error {
  override readonly name = 'HostNotFound';
}

/** The run has no node of this rank. */
export class RankNotFound extends Error {
  override readonly name = 'RankNotFound';

  constructor(rank: number, nodes: number) {
    super(`There is no rank ${rank}; the run has ranks 0 to ${nodes - 1}`);
  }
}

/** The node cannot have a command run beside it now: it does not run, or its host does not take one. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

/** The command has ended, or will within its lease, but how is not known: its host does not answer, or its agent was started anew. */
export class CommandLost extends Error {
  override readonly name = 'CommandLost';
}

/** The command has taken longer than it may, and was ended. */
export class CommandTimedOut extends Error {
  override readonly name = 'CommandTimedOut';
}

const MOST_SHOWN = 200;

/** What somebody took for a name may be a whole file. */
function shortened(name: string): string {
  return name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}…` : name;
}
