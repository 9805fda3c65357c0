import { asksForNothing, PLACEMENT_KEYS, UNFORWARDED_KEYS } from './keys.js';
import type { Path } from './problem.js';
import { quoteKey } from './words.js';

interface Told {
  path: Path;
  message: string;
}

/** What a reader of a task should know of keys that are fine and do less than they do in dstack. */
export function warningsOf(given: Readonly<Record<string, unknown>>): Told[] {
  const parts = [{ path: [] as Path, keys: given }, ...groupsIn(given)];
  const used = (keys: readonly string[]) =>
    parts.flatMap(({ path, keys: there }) =>
      Object.keys(there).flatMap((key) => (keys.includes(key) && there[key] !== undefined && there[key] !== null ? [[...path, key]] : [])),
    );
  const one = (paths: Path[], message: (names: string, several: boolean) => string): Told[] => {
    const [first] = paths;
    const names = [...new Set(paths.map((path) => quoteKey(String(path.at(-1)))))];
    return first === undefined ? [] : [{ path: names.length === 1 ? first : [], message: message(names.join(', '), names.length > 1) }];
  };
  const uncompared = parts.flatMap(({ path, keys }) => uncomparedIn(keys['resources']).map((key): Path => [...path, 'resources', key]));
  return [
    ...one(
      used(PLACEMENT_KEYS),
      (names, several) => `${names} ${several ? 'choose' : 'chooses'} machines in dstack and ${several ? 'have' : 'has'} no effect here`,
    ),
    ...one(
      used(UNFORWARDED_KEYS).filter((path) => !asksForNothing(valueAt(given, path))),
      (names) => `${names} is not forwarded to you here: a program is reached at the address of its node`,
    ),
    ...one(uncompared, (names, several) => `${names} ${several ? 'are' : 'is'} not compared with what hosts have`),
  ];
}

/** What no agent tells of its host. */
function uncomparedIn(resources: unknown): string[] {
  return typeof resources === 'object' && resources !== null ? Object.keys(resources).filter((key) => key === 'disk' || key === 'shm_size') : [];
}

function groupsIn(given: Readonly<Record<string, unknown>>): { path: Path; keys: Record<string, unknown> }[] {
  const { groups } = given;
  if (!Array.isArray(groups)) return [];
  return groups.slice(0, 100).flatMap((group: unknown, index) => {
    return typeof group === 'object' && group !== null ? [{ path: ['groups', index], keys: group as Record<string, unknown> }] : [];
  });
}

function valueAt(given: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)[step], given);
}
