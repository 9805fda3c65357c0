import { z } from 'zod';
import { commandsSchema } from './commands.js';
import { PLACEMENT_KEYS, UNFORWARDED_KEYS } from './keys.js';
import { labelsSchema } from './labels.js';
import { groupNodesSchema } from './node-count.js';
import { found } from './problem.js';
import { resourcesSchema } from './resources.js';
import { expected, type Read, reading, strict } from './words.js';

export const MAX_GROUPS = 100;

const NAME_WHAT = 'a name of letters, digits, `-` and `_` that begins with a letter';
const WHAT = 'a map with `commands`, and `name` and `nodes`';

const name = reading(z.string({ error: expected(NAME_WHAT) }), (text): Read<string> => {
  return /^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(text) ? { value: text } : { refused: `expected ${NAME_WHAT}, got ${found(text)}` };
});

// Known in dstack, without effect here; `parseTask` warns of them.
const ignored = Object.fromEntries([...PLACEMENT_KEYS, ...UNFORWARDED_KEYS].map((key) => [key, z.unknown().optional()]));

const group = strict(
  {
    name: name.nullish(),
    nodes: groupNodesSchema.nullish(),
    commands: commandsSchema,
    resources: resourcesSchema.nullish(),
    where: labelsSchema.nullish(),
    ...ignored,
  },
  WHAT,
);

/** `groups`: nodes of several kinds. Ranks run over them in order. */
export const groupsSchema = z
  .array(group, { error: expected(`a list of groups, each ${WHAT}`) })
  .min(1, { error: (issue) => `expected at least one group, got ${found(issue.input)}` })
  .max(MAX_GROUPS, { error: `expected at most ${MAX_GROUPS} groups, got more` });
