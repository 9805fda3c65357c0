import { named } from '../names.js';

/** What is to be said of things that are in another state than before, a line for each state. The first look says nothing. */
export class Changes {
  #before: Map<string, string> | undefined;

  /** `name`: how a thing is called, `state`: in which state it is. */
  lines(things: readonly { name: string; state: string }[]): string[] {
    const before = this.#before;
    this.#before = new Map(things.map(({ name, state }) => [name, state]));
    if (before === undefined) return [];
    const changed = new Map<string, string[]>();
    const note = (state: string, name: string) => changed.set(state, [...(changed.get(state) ?? []), name]);
    for (const { name, state } of things) if (before.get(name) !== state) note(state, name);
    for (const name of before.keys()) if (!this.#before.has(name)) note('gone', name);
    return [...changed].map(([state, names]) => `${named(names)}: ${state}`);
  }
}
