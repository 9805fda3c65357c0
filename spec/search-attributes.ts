/** What a run tells Temporal's visibility store about itself, with the types; within the few places that a SQL store has for each. */
export const SEARCH_ATTRIBUTES = {
  /** The run's phase now. */
  MusterPhase: 'Keyword',
  /** The task's name. */
  MusterName: 'Keyword',
  /** The hosts that it holds, or held at its end. */
  MusterHosts: 'KeywordList',
  /** Why it last failed, was stopped or was restarted: a failure type. */
  MusterReason: 'Keyword',
} as const;

export type SearchAttribute = keyof typeof SEARCH_ATTRIBUTES;

/** In the order of the table above. */
export const SEARCH_ATTRIBUTE_NAMES = Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[];

/** `usable`: registered as they must be; `missing`: not registered; `mistyped`: registered with another type, and left alone. */
export interface SearchAttributesFound {
  usable: SearchAttribute[];
  missing: SearchAttribute[];
  mistyped: SearchAttribute[];
}

/** Which of ours a namespace has. `registered`: the types of its search attributes by name, written as the Temporal CLI does: `Keyword`, `KeywordList`. */
export function judgeSearchAttributes(registered: Readonly<Record<string, string>>): SearchAttributesFound {
  const typeOf = (name: SearchAttribute) => (Object.hasOwn(registered, name) ? registered[name] : undefined);
  return {
    usable: SEARCH_ATTRIBUTE_NAMES.filter((name) => typeOf(name) === SEARCH_ATTRIBUTES[name]),
    missing: SEARCH_ATTRIBUTE_NAMES.filter((name) => typeOf(name) === undefined),
    mistyped: SEARCH_ATTRIBUTE_NAMES.filter((name) => typeOf(name) !== undefined && typeOf(name) !== SEARCH_ATTRIBUTES[name]),
  };
}

/** The command that registers these, for somebody to type. Runs that start after it was run have them. */
export function registerCommand(missing: readonly SearchAttribute[], { namespace, address }: { namespace: string; address?: string }): string {
  const where = [...(address === undefined ? [] : ['--address', address]), '--namespace', namespace];
  const pairs = missing.flatMap((name) => ['--name', name, '--type', SEARCH_ATTRIBUTES[name]]);
  return ['temporal', 'operator', 'search-attribute', 'create', ...where, ...pairs].join(' ');
}

/** The same for a server that is about to be started by `temporal server start-dev`. */
export function startDevArguments(): string[] {
  return SEARCH_ATTRIBUTE_NAMES.flatMap((name) => ['--search-attribute', `${name}=${SEARCH_ATTRIBUTES[name]}`]);
}
