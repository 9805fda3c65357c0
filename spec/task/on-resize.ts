import { z } from 'zod';
import { durationOf } from './duration.js';
import { commandText } from './probe.js';
import { catchableSignalSchema } from './signals.js';
import { expected, type Read, reading, strict } from './words.js';

/**
 * What happens to nodes that stay when the list changes. `restart`: all nodes start again with a new environment. With all others nothing is restarted: the
 * files are replaced, newcomers start and leavers stop. `signal`: then the signal, to processes that have a handler for it. `exec`: then a
 * command on every node that stays, with the new environment; where it fails, or takes longer than `timeoutSeconds`, its node has failed.
 */
export type OnResize = { do: 'restart' } | { do: 'file' } | { do: 'signal'; signal: string } | { do: 'exec'; command: string; timeoutSeconds: number };

const EXEC_SECONDS = 60;
const WHAT = '`restart`, `file`, `signal`, or a map with `signal` or `exec`';

const word = z.enum(['restart', 'file', 'signal'], { error: expected(WHAT) });
const map = strict({ signal: catchableSignalSchema.nullish(), exec: commandText.nullish(), timeout: durationOf(1).nullish() }, WHAT);

/** `on_resize`: a word, or which signal, or which command. */
export const onResizeSchema = reading(z.union([word, map], { error: expected(WHAT) }), (value): Read<OnResize> => {
  if (typeof value === 'string') return { value: value === 'signal' ? { do: 'signal', signal: 'SIGHUP' } : { do: value } };
  const { signal = null, exec = null, timeout = null } = value;
  if (exec !== null && signal !== null) return { refused: 'expected a map with `signal` or `exec`, got both' };
  if (exec !== null) return { value: { do: 'exec', command: exec, timeoutSeconds: timeout ?? EXEC_SECONDS } };
  if (signal === null) return { refused: 'expected a map with `signal` or `exec`, got neither' };
  return timeout === null ? { value: { do: 'signal', signal } } : { refused: 'expected `exec` beside `timeout`, got `signal`, which nobody waits for' };
});
