import { ApplicationFailure, condition, getExternalWorkflowHandle, log, setHandler, workflowInfo } from '@temporalio/workflow';
import type { GrantedHost } from '../spec/fleet.js';
import { gatheringAgain } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, NodeEnd, UngatheredHost } from '../spec/nodes.js';
import type { Roster, RosterNode } from '../spec/roster.js';
import { answerLimit, endNode, prepareNode } from './cell-hosts.js';
import { wasSuperseded } from './decisions/outcome.js';
import { followNode } from './follow.js';
import { failureOf, timeoutOf } from './host-failure.js';
import type { Witness } from './witnesses.js';

/**
 * Looks after some tens of nodes of one generation: gathers their hosts, hears the sealed roster, starts the nodes and
 * reports how each ended. Starts one again, alone, when the run says so. Ends when all its nodes have, or when it is dismissed.
 */
export async function musterCell(input: messages.CellInput): Promise<void> {
  await new CellStory(input).tell();
}

class CellStory {
  readonly #cell = workflowInfo().workflowId;
  readonly #parent;
  #sealed: messages.RosterSealed | null = null;
  #stopping: messages.StopDecided | null = null;
  #stopsAsked = 0;
  #dismissed = false;
  #restarts: messages.RestartDecided[] = [];
  #unreported: { host: string; end: NodeEnd }[] = [];
  /** Nodes that run, or are about to. */
  #open = 0;
  readonly #silent = new Set<string>();
  readonly #heard = new Map<string, number>();

  constructor(private readonly input: messages.CellInput) {
    this.#parent = getExternalWorkflowHandle(input.run.handle);
    this.#dismissed = input.until === 'ends';
    setHandler(messages.rosterSealed, (message) => {
      this.#sealed = message;
    });
    setHandler(messages.stopDecided, (message) => {
      this.#stopping = message;
      this.#stopsAsked++;
    });
    setHandler(messages.nodeHeard, ({ host }) => {
      this.#heard.set(host, (this.#heard.get(host) ?? 0) + 1);
    });
    setHandler(messages.restartDecided, (message) => {
      this.#restarts.push(message);
    });
    // That it arrives is the answer.
    setHandler(messages.runReset, () => undefined);
    setHandler(messages.cellDismissed, () => {
      this.#dismissed = true;
    });
  }

  async tell(): Promise<void> {
    const { adopt, hosts } = this.input;
    if (adopt !== null) return this.#supervise(adopt.sealed, adopt.nodes);
    const { gathered, missing } = await this.#gather();
    await this.#parent.signal(messages.cellGathered, { cell: this.#cell, gathered, missing });
    await condition(() => this.#sealed !== null || this.#stopping !== null);
    if (this.#sealed === null) {
      // Who did not answer is asked by the fleet.
      const silent = missing.filter(({ kind }) => kind === 'silent').map(({ host }) => host);
      await Promise.all(hosts.filter(({ host }) => !silent.includes(host)).map((host) => this.#end(host)));
      return;
    }
    const nodes = gathered.map(({ host, startNumber }) => ({ host, startNumber, gathering: this.#cell }));
    await this.#supervise(this.#sealed, nodes);
  }

  async #gather(): Promise<{ gathered: GatheredHost[]; missing: UngatheredHost[] }> {
    const answers = await Promise.all(this.input.hosts.map((host) => this.#ask(host)));
    return {
      gathered: answers.flatMap((answer) => ('candidates' in answer ? [answer] : [])),
      missing: answers.flatMap((answer) => ('failure' in answer ? [answer] : [])),
    };
  }

  async #ask(granted: GrantedHost): Promise<GatheredHost | UngatheredHost> {
    const { host } = granted;
    try {
      return await prepareNode(this.input, granted, this.#cell);
    } catch (error) {
      const notTaken = timeoutOf(error)?.timeoutType === 'SCHEDULE_TO_START';
      const failure = failureOf(error, host, `did not answer within ${notTaken ? answerLimit(this.input) : this.input.gatherTimeoutSeconds} s`);
      return { host, failure, kind: failure.type === 'HostLost' ? 'silent' : 'refused' };
    }
  }

  async #supervise(sealed: messages.RosterSealed, nodes: messages.AdoptedNode[]): Promise<void> {
    const { nodes: ranked } = JSON.parse(sealed.rosterBytes) as Roster;
    for (const node of nodes) void this.#follow(sealed, ranked, node, 'barrier');
    let stopped = 0;
    const idle = () => this.#unreported.length === 0 && this.#stopsAsked === stopped && (this.#restarts.length === 0 || stopped > 0);
    while (this.#open > 0 || !idle() || !(this.#dismissed || stopped > 0)) {
      await condition(() => !idle() || (this.#open === 0 && (this.#dismissed || stopped > 0)));
      if (this.#unreported.length > 0) await this.#report(sealed.generation);
      if (this.#stopsAsked > stopped) {
        stopped = this.#stopsAsked;
        for (const host of this.input.hosts) void this.#end(host);
      }
      if (stopped > 0) this.#restarts = [];
      for (const decided of this.#restarts.splice(0)) void this.#restart(sealed, ranked, decided);
    }
  }

  async #report(generation: number): Promise<void> {
    const ends = this.#unreported;
    this.#unreported = [];
    await this.#parent.signal(messages.nodesEnded, { cell: this.#cell, generation, ends }).catch((error: unknown) => {
      this.#dismissed = true;
      log.warn('the run is gone', { error });
    });
  }

  /** Follows a node until it has ended, and has that reported. */
  async #follow(sealed: messages.RosterSealed, ranked: RosterNode[], node: messages.AdoptedNode, entry: 'barrier' | 'alone'): Promise<void> {
    const { run, program, hosts } = this.input;
    const { host, gathering, startNumber } = node;
    const { generation, digest, token, barrierDeadlineMs, replaced, fence, preflight, rosterBytes } = sealed;
    const self = ranked.find((other) => other.host === host);
    const [master] = ranked;
    const identity = hosts.find((granted) => granted.host === host)?.identity;
    if (!self || !master || identity === undefined) throw ApplicationFailure.nonRetryable(`host ${host} is not in the sealed roster`, 'Internal');
    this.#open++;
    const { rank, address, port } = self;
    const startReason = entry === 'alone' ? 'restart' : replaced.includes(host) ? 'replaced' : sealed.startReason;
    const end = await followNode({
      input: {
        ...{ host, identity, run, gathering, generation, startNumber, startReason, rank, address, nodes: ranked.length, digest, token },
        ...{ rendezvous: { address: master.address, port: master.port }, barrierDeadlineMs, entry, preflight },
        rosterBytes: rank === 0 ? rosterBytes : null,
        fence: rank === 0 ? fence : [],
      },
      seat: { host, address, port, startNumber },
      hostTimeoutSeconds: program.hostTimeoutSeconds,
      summary: `rank ${rank} · ${host} · ${address}`,
      peers: peersOf(sealed, ranked, rank),
      silent: this.#silent,
      running: () => this.#open,
      tell: (state) => this.#tellSilence(generation, host, state),
      heard: () => this.#heard.get(host) ?? 0,
    });
    this.#open--;
    // Somebody else has ended it: a newer generation, of a run that was reset, or a clean-up. Nobody will dismiss this cell.
    if (this.#stopsAsked === 0 && wasSuperseded(end)) this.#dismissed = true;
    this.#unreported.push({ host, end });
  }

  #tellSilence(generation: number, host: string, state: 'silent' | 'heard'): void {
    this.#parent.signal(messages.nodesSilent, { cell: this.#cell, generation, hosts: [host], state }).catch(() => undefined);
  }

  /** Starts a node again, alone; what stands in the way is the end of that start. */
  async #restart(sealed: messages.RosterSealed, ranked: RosterNode[], decided: messages.RestartDecided): Promise<void> {
    const { host, startNumber: ended, delayMs, generation } = decided;
    const granted = this.input.hosts.find((other) => other.host === host);
    if (!granted || generation !== sealed.generation) return;
    this.#open++;
    const stopped = () => this.#stopping !== null;
    if (delayMs > 0) await condition(stopped, delayMs);
    const gathering = gatheringAgain(this.#cell, ended + 1);
    try {
      if (stopped()) return;
      const { startNumber } = await prepareNode(this.input, granted, gathering);
      // What was prepared while all else was being stopped is stopped, too.
      if (stopped()) return await this.#end(granted);
      void this.#follow(sealed, ranked, { host, gathering, startNumber }, 'alone');
      await this.#parent.signal(messages.nodeRestarted, { cell: this.#cell, generation, host, gathering, startNumber }).catch(() => undefined);
    } catch (error) {
      const failure = failureOf(error, host, `did not answer within ${answerLimit(this.input)} s`);
      const end: NodeEnd = { kind: 'failed', failure, unreachable: [], startNumber: ended + 1, endedAtMs: Date.now(), lastLines: '', clean: false };
      this.#unreported.push({ host, end });
    } finally {
      this.#open--;
    }
  }

  #end(host: GrantedHost): Promise<void> {
    return endNode(this.input, host, this.#cell, this.#stopping);
  }
}

/** The other nodes of the run, whichever cell looks after them; those behind it first, so that not all ask the same ones. */
function peersOf({ identities }: messages.RosterSealed, ranked: readonly RosterNode[], rank: number): Witness[] {
  const others = [...ranked.slice(rank + 1), ...ranked.slice(0, rank)];
  return others.flatMap(({ host, rank: of, address: localAddress }) => {
    const identity = identities[of] ?? '';
    return identity === '' ? [] : [{ host, identity, localAddress }];
  });
}
