import type { Path } from './problem.js';
import type { FieldValue, TaskField } from './schema.js';
import { DEFAULTS, type Task } from './task.js';

type Fields = { [K in TaskField]?: FieldValue<K> };
type Tell = (path: Path, message: string) => void;

/** How a run changes its size, and what its nodes hear of it. */
export type Resizing = Pick<Task, 'onResize' | 'elastic' | 'settleSeconds' | 'spares'>;

/** What `nodes` asks for beyond a number; null where it is one, or was refused. */
export function elasticOf({ nodes }: Fields): Task['elastic'] {
  return nodes === undefined || nodes.min === nodes.max ? null : nodes;
}

/** The resizing of a task. What does not go together is told to `refuse`, what has no effect or less than it seems to `warn`. */
export function readResizing(
  fields: Fields,
  given: Readonly<Record<string, unknown>>,
  onHostLoss: Task['onHostLoss'],
  { refuse, warn }: { refuse: Tell; warn: Tell },
): Resizing {
  const elastic = elasticOf(fields);
  const { hosts, settle, spares = DEFAULTS.spares, on_resize: onResize = DEFAULTS.onResize } = fields;
  const pinned = hosts !== undefined;
  const unread = (key: TaskField) => fields[key] === undefined && given[key] !== undefined && given[key] !== null;
  if (elastic !== null && pinned) {
    refuse(['nodes'], `expected ${hosts.length}, the number of \`hosts\`, got a range; a run whose hosts are named takes no others, and all of these`);
  }
  if (spares > 0) {
    if (pinned) refuse(['spares'], `expected no spares beside \`hosts\`, got ${spares}; a run whose hosts are named takes no others`);
    else if (onHostLoss !== 'replace' && !unread('on_host_loss') && !unread('restart') && !unread('retry')) {
      refuse(['spares'], `expected \`on_host_loss: replace\` beside \`spares\`, got \`${onHostLoss}\`; a spare takes the place of a lost host`);
    }
  }
  if (settle !== undefined && elastic === null && !unread('nodes')) {
    warn(['settle'], '`settle` has no effect without a range such as `nodes: 2..8`: no other run grows by itself');
  }
  if (onResize.do !== 'restart') checkLiveUpdates(onResize.do, fields, { refuse, warn });
  return { onResize, elastic, settleSeconds: settle ?? DEFAULTS.settleSeconds, spares };
}

function checkLiveUpdates(how: string, { stop_criteria: criteria, startup_order: startup, dialects }: Fields, { refuse, warn }: { refuse: Tell; warn: Tell }) {
  const clash = (with_: string, why: string) =>
    refuse(['on_resize'], `expected \`restart\` beside \`${with_}\`, got \`${how}\`${why}; choose \`on_resize: restart\``);
  if (criteria === 'master-done') clash('stop_criteria: master-done', ', with which another node may become the master while it runs');
  if (startup !== undefined && startup.order !== 'any') clash(`startup_order: ${startup.order}`, ', with which newcomers start while the others run');
  if (dialects?.includes('torch')) {
    warn(
      ['dialects'],
      `\`torch\` tells the address and the port of the master at the start only; with \`on_resize: ${how}\` nodes that run on do not hear of another`,
    );
  }
}
