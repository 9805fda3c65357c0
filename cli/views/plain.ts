import type { HostStatus, RunStatus } from '../../client/index.js';
import { Progress } from '../phases.js';
import { print, printJson, say } from '../print.js';
import { Changes } from './changes.js';

/** A run that is watched without a terminal: a line for each change, or with `json` an object for each status. */
export class PlainRun {
  readonly #progress = new Progress();
  readonly #changes = new Changes();

  constructor(private readonly json: boolean) {}

  take(status: RunStatus): void {
    if (this.json) {
      printJson(status);
      return;
    }
    for (const line of this.#progress.lines(status)) print(line);
    const nodes = status.nodes.map(({ rank, host, state }) => ({ name: rank === null ? host : `node ${rank} on ${host}`, state }));
    for (const line of this.#changes.lines(nodes)) print(line);
  }

  trouble(message: string): void {
    say(message);
  }
}

/** A fleet that is watched without a terminal: a line for each change, or with `json` an object for each host that has changed; of one that is not in the fleet any more, `host` and the state `gone`. */
export class PlainHosts {
  #troubled = '';
  readonly #changes = new Changes();

  constructor(private readonly json: boolean) {}

  take(hosts: HostStatus[], silent: ReadonlySet<string>): void {
    this.#troubled = '';
    const states = hosts.map(({ host, state, lease }) => ({
      name: host,
      state: `${state}${lease === null ? '' : ` by ${lease.handle}`}${silent.has(host) ? ', silent' : ''}`,
    }));
    for (const { name, state } of this.#changes.of(states)) {
      if (this.json) printJson(hosts.find(({ host }) => host === name) ?? { host: name, state });
      else print(`${name}: ${state}`);
    }
  }

  trouble(message: string): void {
    if (message !== this.#troubled) say(message);
    this.#troubled = message;
  }
}
