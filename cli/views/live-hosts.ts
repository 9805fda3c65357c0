import type { HostStatus } from '../../client/index.js';
import { Live } from '../terminal/live.js';
import { hostsView } from './hosts-view.js';
import { paintsFor } from './paints.js';
import { Since } from './since.js';

/** A fleet, live on a terminal. */
export class LiveHosts {
  readonly live: Live;
  readonly #since = new Since();
  #hosts: HostStatus[] | undefined;
  #silent: ReadonlySet<string> = new Set();
  #trouble = '';

  constructor(fleet: string, stream: NodeJS.WriteStream) {
    const paint = paintsFor(stream);
    this.live = new Live(stream, ({ columns, rows }) => {
      if (this.#hosts === undefined && this.#trouble === '') return [];
      const look = { fleet, columns, rows: rows - 1, nowMs: Date.now(), sinceMs: (host: string) => this.#since.of(host) };
      return hostsView(this.#hosts ?? [], { ...look, silent: this.#silent, trouble: this.#trouble, paint });
    });
  }

  take(hosts: HostStatus[], silent: ReadonlySet<string>): void {
    this.#trouble = '';
    this.#hosts = hosts;
    this.#silent = silent;
    for (const { host, state, lease } of hosts) this.#since.note(host, `${state}/${lease?.runId ?? ''}/${silent.has(host)}`, Date.now());
    this.live.refresh();
  }

  /** Shown until the hosts are heard of again. */
  trouble(message: string): void {
    this.#trouble = message;
    this.live.refresh();
  }
}
