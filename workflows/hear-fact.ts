import { type SignalDefinition, TemporalFailure } from '@temporalio/common';
import { DeterminismViolationError, log, setHandler } from '@temporalio/workflow';

/**
 * Hears a signal, but not one that lacks what it must say or says it in another shape, as somebody may send it by hand from the Web UI: a handler that throws would hold the
 * workflow up for ever. What is wrong is logged by the control worker. A failure of Temporal's goes its way.
 */
export function hearFact<Message extends object>(
  signal: SignalDefinition<[Message]>,
  needed: readonly (keyof Message & string)[],
  handler: (message: Message) => void | Promise<void>,
): void {
  const passOver = (why: object) => log.warn(`the signal ${signal.name} was passed over`, { event: 'signal-passed-over', signal: signal.name, ...why });
  const fail = (error: unknown) => {
    if (error instanceof TemporalFailure || error instanceof DeterminismViolationError) throw error;
    passOver({ error: String(error) });
  };
  setHandler(signal, (message: Message) => {
    const isObject = typeof message === 'object' && message !== null;
    const missing = isObject ? needed.filter((key) => message[key] === undefined) : needed;
    if (missing.length > 0 || !isObject) return passOver({ missing });
    try {
      const handling = handler(message);
      return handling instanceof Promise ? handling.catch(fail) : handling;
    } catch (error) {
      fail(error);
    }
  });
}
