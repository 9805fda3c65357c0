import type { SignalDefinition } from '@temporalio/common';
import { log, setHandler } from '@temporalio/workflow';

/**
 * Hears a signal, but not one that lacks what it must say, as somebody may send it by hand from the Web UI: a handler that throws would hold the workflow up
 * for ever. What is missing is logged by the control worker.
 */
export function hearFact<Message extends object>(
  signal: SignalDefinition<[Message]>,
  needed: readonly (keyof Message & string)[],
  handler: (message: Message) => void | Promise<void>,
): void {
  setHandler(signal, (message: Message) => {
    const missing = typeof message === 'object' && message !== null ? needed.filter((key) => message[key] === undefined) : needed;
    if (typeof message === 'object' && message !== null && missing.length === 0) return handler(message);
    log.warn(`the signal ${signal.name} was passed over`, { missing });
  });
}
