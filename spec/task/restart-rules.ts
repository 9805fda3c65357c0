import { z } from 'zod';
import { exitCodesSchema } from './exit-codes.js';
import { nearestOf } from './nearest.js';
import { found } from './problem.js';
import { RESTART_CAUSES, type RestartRule } from './restart.js';
import { expected, type Read, reading, strict } from './words.js';

const MOST_ITEMS = 100;
const DO_WHAT = '`restart`, `fail` or `ignore`';
const GROUP_WHAT = 'the name of a group';
const WHAT = 'a map with `do`, and `exit_codes`, `causes`, `groups` and `charge`';

const cause = z.enum(RESTART_CAUSES, {
  error: ({ input }) => {
    const near = typeof input === 'string' ? nearestOf(input, RESTART_CAUSES) : undefined;
    const advice = near === undefined ? `the causes are ${RESTART_CAUSES.map((each) => `\`${each}\``).join(', ')}` : `did you mean \`${near}\`?`;
    return `expected a cause of failure, got ${found(input)}; ${advice}`;
  },
});

// A group without a name is called by its number.
const group = reading(z.union([z.string(), z.number()], { error: expected(GROUP_WHAT) }), (value): Read<string> => ({ value: String(value) }));

const rule = reading(
  strict(
    {
      exit_codes: criterion(exitCodesSchema, 'exit codes', 'exit code').nullish(),
      causes: criterion(cause, 'causes of failure', 'cause').nullish(),
      groups: criterion(group, 'names of groups', 'name').nullish(),
      do: z.enum(['restart', 'fail', 'ignore'], { error: expected(DO_WHAT) }),
      charge: z.enum(['budget', 'free'], { error: expected('`budget` or `free`') }).nullish(),
    },
    WHAT,
  ),
  (given): Read<RestartRule> => {
    if (given.charge != null && given.do !== 'restart') return { refused: `expected \`do: restart\` beside \`charge\`, got \`${given.do}\`` };
    const { exit_codes: exitCodes, causes, groups, charge } = given;
    return { value: { exitCodes: exitCodes ?? [], causes: causes ?? [], groups: groups ?? [], do: given.do, charge: charge ?? 'budget' } };
  },
);

/** `rules` of `restart`, in their order. Whether the groups are there is for who knows them. */
export const rulesSchema = z.array(rule, { error: expected(`a list of rules, each ${WHAT}`) }).max(MOST_ITEMS, {
  error: `expected at most ${MOST_ITEMS} rules, got more`,
});

function criterion<T extends z.ZodType>(item: T, many: string, one: string) {
  return z
    .array(item, { error: expected(`a list of ${many}`) })
    .min(1, { error: `expected at least one ${one}, got an empty list; leave the key out where any will do` })
    .max(MOST_ITEMS, { error: `expected at most ${MOST_ITEMS} ${many}, got more` });
}
