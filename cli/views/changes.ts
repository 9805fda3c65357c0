import { named } from '../../spec/words.js';

interface Thing {
  /** How it is called. */
  name: string;
  /** In which state it is. */
  state: string;
}

/** What is to be said of things that are in another state than before. */
export class Changes {
  #before: Map<string, string> | undefined;

  /** Those that are in another state than at the look before; whoever is not there any more is `gone`. At the first look all. */
  of(things: readonly Thing[]): Thing[] {
    const before = this.#before ?? new Map<string, string>();
    const now = new Map(things.map(({ name, state }) => [name, state]));
    this.#before = now;
    const gone = [...before.keys()].filter((name) => !now.has(name)).map((name) => ({ name, state: 'gone' }));
    return [...things.filter(({ name, state }) => before.get(name) !== state), ...gone];
  }

  /** The same as text, a line for each state. The first look says nothing. */
  lines(things: readonly Thing[]): string[] {
    const isFirst = this.#before === undefined;
    const changed = new Map<string, string[]>();
    for (const { name, state } of this.of(things)) changed.set(state, [...(changed.get(state) ?? []), name]);
    return isFirst ? [] : [...changed].map(([state, names]) => `${named(names)}: ${state}`);
  }
}
