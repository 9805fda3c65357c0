import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { GrantedHost } from '../spec/fleet.js';
import { gatheringAgain } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, NodeEnd, UngatheredHost } from '../spec/nodes.js';
import { answerLimit, endNode, prepareNode, updateNode } from './cell-hosts.js';
import { asCurrent, type Current, meetingOf, peersOf } from './cell-roster.js';
import { wasSuperseded } from './decisions/outcome.js';
import { type Followed, followNode } from './follow.js';
import { hearFact } from './hear-fact.js';
import { failureOf, timeoutOf } from './host-failure.js';
import { isLive } from './live.js';

/** What a host may take over a meeting's deadline to say how it went. */
const MEETING_MARGIN_MS = 10_000;
const CATCH_UP_FIRST_MS = 500;
const CATCH_UP_MAX_MS = 10_000;
/** Who leaves and goes on after all is told so once more. */
const LEAVE_AGAIN_MS = 5_000;

/** A change that is being tried. */
interface Proposal {
  current: Current;
  /** Which start of each node it was tried with, by host. */
  starts: Map<string, number>;
  /** In the order in which the hosts answered. */
  updates: messages.NodesUpdated['updates'];
  /** Nothing may come of it: who still waits for others is to say how it stands. */
  doubt(): void;
}

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
  /** The hosts of its nodes; those that leave the run are taken out. */
  #hosts: GrantedHost[];
  /** The list that its nodes have. */
  #current: Current | null = null;
  #proposal: Proposal | null = null;
  /** What it was told of changes, and has not acted upon, in order: a change is settled before the next one is proposed. */
  #told: (() => void)[] = [];
  /** The newest start of each of its nodes, also of those that have ended, and who is followed. */
  readonly #starts = new Map<string, messages.AdoptedNode>();
  readonly #followed = new Map<string, Followed>();
  readonly #leaving = new Set<string>();
  /** Changes that are under way. */
  #changing = 0;
  readonly #silent = new Set<string>();
  readonly #heard = new Map<string, number>();

  constructor(private readonly input: messages.CellInput) {
    this.#parent = getExternalWorkflowHandle(input.run.handle);
    this.#dismissed = input.until === 'ends';
    this.#hosts = input.hosts;
    hearFact(messages.changeProposed, ['generation', 'rosterBytes', 'digest', 'identities', 'fence'], (message) => {
      this.#told.push(() => void this.#propose(message));
    });
    hearFact(messages.changeSettled, ['generation', 'outcome', 'leave'], (message) => {
      this.#told.push(() => this.#settle(message));
    });
    hearFact(messages.rosterSealed, ['generation', 'rosterBytes', 'digest', 'identities', 'fence'], (message) => {
      this.#sealed = message;
    });
    hearFact(messages.stopDecided, ['mode', 'generation'], (message) => {
      this.#stopping = message;
      this.#stopsAsked++;
    });
    hearFact(messages.nodeHeard, ['host'], ({ host }) => {
      this.#heard.set(host, (this.#heard.get(host) ?? 0) + 1);
    });
    hearFact(messages.restartDecided, ['host', 'startNumber', 'delayMs', 'generation'], (message) => {
      this.#restarts.push(message);
    });
    // That it arrives is the answer.
    setHandler(messages.runReset, () => undefined);
    setHandler(messages.cellDismissed, () => {
      this.#dismissed = true;
    });
  }

  /** Its nodes run on when the list changes. */
  get #lives(): boolean {
    return isLive(this.input.program);
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
    const nodes = gathered.map(({ host, startNumber }) => ({ host, startNumber, gathering: this.#cell, over: false }));
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
    this.#current = asCurrent(sealed);
    for (const node of nodes) {
      this.#starts.set(node.host, node);
      if (!node.over) void this.#follow(node, 'barrier');
      // Who looked after it before may have ended in the middle of a change.
      if (this.#lives && this.input.adopt !== null) void this.#catchUp(node.host);
    }
    let stopped = 0;
    const isStopped = () => stopped > 0;
    const isTold = () => this.#restarts.length + this.#told.length > 0;
    const idle = () => this.#unreported.length === 0 && this.#stopsAsked === stopped && (isStopped() || !isTold());
    const isOver = () => this.#open + this.#changing === 0 && (this.#dismissed || isStopped() || this.#hosts.length === 0);
    while (!(isOver() && idle())) {
      await condition(() => !idle() || isOver() || this.#goesOnAnew());
      if (this.#unreported.length > 0) await this.#report();
      if (this.#stopsAsked > stopped) {
        stopped = this.#stopsAsked;
        for (const host of this.#hosts) void this.#end(host);
      }
      if (isStopped()) this.#restarts = [];
      for (const decided of this.#restarts.splice(0)) void this.#restart(decided);
      for (const act of this.#told.splice(0)) act();
      if (idle() && !isStopped() && this.#goesOnAnew()) await this.#goOnAnew(this.#current.sealed);
    }
  }

  #goesOnAnew(): boolean {
    const isBusy = this.#dismissed || this.#changing > 0 || this.#proposal !== null || this.#leaving.size > 0 || this.#open > this.#followed.size;
    return workflowInfo().continueAsNewSuggested && !isBusy && this.#lives;
  }

  /** With an empty history: the agents keep the programs, and carry on when they are asked for them again. */
  async #goOnAnew(sealed: messages.RosterSealed): Promise<void> {
    const nodes = [...this.#starts.values()].map((node) => ({ ...node, over: !this.#followed.has(node.host) }));
    await continueAsNew<typeof musterCell>({ ...this.input, hosts: this.#hosts, adopt: { sealed, nodes } });
  }

  async #report(): Promise<void> {
    const generation = this.#current?.sealed.generation ?? 0;
    const ends = this.#unreported;
    this.#unreported = [];
    await this.#parent.signal(messages.nodesEnded, { cell: this.#cell, generation, ends }).catch((error: unknown) => {
      this.#dismissed = true;
      log.warn('the run of a cell is gone', { event: 'run-gone', error: String(error) });
    });
  }

  /** Follows a node until it has ended, and has that reported. */
  async #follow(node: messages.AdoptedNode, entry: 'barrier' | 'alone'): Promise<void> {
    const { run, program } = this.input;
    const { host, gathering, startNumber } = node;
    const { sealed, ranked } = this.#current ?? { sealed: null, ranked: [] };
    const self = ranked.find((other) => other.host === host);
    if (!self || !sealed) throw ApplicationFailure.nonRetryable(`host ${host} is not in the sealed roster`, 'Internal');
    this.#open++;
    this.#starts.set(host, node);
    const { rank, address, port } = self;
    const startReason = entry === 'alone' ? 'restart' : sealed.replaced.includes(host) ? 'replaced' : sealed.startReason;
    const followed: Followed = {
      input: {
        ...{ run, gathering, startReason, entry },
        ...meetingOf(this.input, this.#current, { host, startNumber }),
        rosterBytes: rank === 0 || (entry === 'alone' && this.#lives) ? sealed.rosterBytes : null,
      },
      seat: { host, address, port, startNumber },
      hostTimeoutSeconds: program.hostTimeoutSeconds,
      summary: `rank ${rank} · ${host} · ${address}`,
      peers: peersOf(sealed, ranked, rank),
      silent: this.#silent,
      running: () => this.#open,
      tell: (state, lastLines) => this.#tellSilence(host, state, lastLines),
      heard: () => this.#heard.get(host) ?? 0,
    };
    this.#followed.set(host, followed);
    const end = await followNode(followed);
    this.#open--;
    this.#followed.delete(host);
    // Somebody else has ended it: a newer generation, of a run that was reset, or a clean-up. Nobody will dismiss this cell.
    if (this.#stopsAsked === 0 && !this.#leaving.has(host) && wasSuperseded(end)) this.#dismissed = true;
    if (this.#leaving.delete(host)) this.#starts.delete(host);
    this.#unreported.push({ host, end });
  }

  /** Has those that stay meet the newcomers, and tells the run what became of it. */
  async #propose(proposed: messages.RosterSealed): Promise<void> {
    const current = asCurrent(proposed);
    const { generation } = proposed;
    const mine = current.ranked.flatMap(({ host }) => (this.#leaving.has(host) ? [] : (this.#starts.get(host) ?? [])));
    const scope = new CancellationScope();
    const proposal: Proposal = { current, starts: new Map(mine.map(({ host, startNumber }) => [host, startNumber])), updates: [], doubt: () => scope.cancel() };
    this.#proposal = proposal;
    this.#changing++;
    const limitMs = Math.max(0, proposed.barrierDeadlineMs - Date.now()) + MEETING_MARGIN_MS;
    const update = async ({ host, startNumber }: messages.AdoptedNode) => {
      const meeting = meetingOf(this.input, current, { host, startNumber });
      const rosterBytes = meeting.rank === 0 ? proposed.rosterBytes : null;
      const seen = await updateNode({ ...meeting, rosterBytes, decided: false }, limitMs);
      proposal.updates.push({ host, update: seen });
      // Without it the others wait for nothing.
      if (seen.kind === 'failed') proposal.doubt();
    };
    await scope.run(() => Promise.all(mine.map(update)));
    await this.#parent.signal(messages.nodesUpdated, { cell: this.#cell, generation, updates: proposal.updates }).catch(() => undefined);
    this.#changing--;
  }

  #settle({ generation, outcome, leave, sealed }: messages.ChangeSettled): void {
    const isNewer = generation > (this.#current?.sealed.generation ?? 0);
    const known = this.#proposal?.current.sealed.generation === generation ? this.#proposal : null;
    const unheard: Proposal | null = sealed && isNewer ? { current: asCurrent(sealed), starts: new Map(), updates: [], doubt: () => undefined } : null;
    const proposal = known ?? unheard;
    if (proposal === null) return;
    if (outcome !== 'made') proposal.doubt();
    if (outcome === 'doubted') return;
    this.#proposal = null;
    if (outcome === 'dropped') return;
    this.#current = proposal.current;
    for (const [host, followed] of this.#followed) {
      const self = proposal.current.ranked.find((node) => node.host === host);
      if (!self) continue;
      const { sealed, ranked } = proposal.current;
      followed.input = { ...followed.input, ...meetingOf(this.input, this.#current, followed.seat), rosterBytes: self.rank === 0 ? sealed.rosterBytes : null };
      followed.peers = peersOf(sealed, ranked, self.rank);
    }
    for (const host of this.#hosts.filter((granted) => leave.includes(granted.host))) {
      if (this.#followed.has(host.host)) this.#leaving.add(host.host);
      else this.#starts.delete(host.host);
      void this.#seeOff(host, generation - 1);
    }
    this.#hosts = this.#hosts.filter(({ host }) => !leave.includes(host));
    for (const { host } of this.#hosts) {
      const wasUpdated = proposal.updates.some((seen) => seen.host === host && seen.update.kind === 'updated');
      if (!wasUpdated || proposal.starts.get(host) !== this.#starts.get(host)?.startNumber) void this.#catchUp(host);
    }
  }

  /** Ends the node of a host that has left; its agent may just be away. `generation`: the highest that may ever have come to it. */
  async #seeOff(host: GrantedHost, generation: number): Promise<void> {
    for (;;) {
      await endNode(this.input, host, this.#cell, { mode: 'graceful', generation });
      if (await condition(() => !this.#leaving.has(host.host), LEAVE_AGAIN_MS, { summary: `tells ${host.host} again that it leaves` })) return;
    }
  }

  /** Has a node take over the list that the others have, however often that takes. */
  async #catchUp(host: string): Promise<void> {
    const generation = this.#current?.sealed.generation;
    const startNumber = this.#starts.get(host)?.startNumber;
    const isDue = () => this.#current?.sealed.generation === generation && this.#starts.get(host)?.startNumber === startNumber && this.#stopsAsked === 0;
    if (startNumber === undefined) return;
    for (let waitMs = CATCH_UP_FIRST_MS; isDue(); waitMs = Math.min(waitMs * 2, CATCH_UP_MAX_MS)) {
      const rosterBytes = this.#current?.sealed.rosterBytes ?? null;
      const { kind } = await updateNode({ ...meetingOf(this.input, this.#current, { host, startNumber }), rosterBytes, decided: true }, MEETING_MARGIN_MS);
      // Who has ended, or is being ended, needs no list.
      if (kind === 'updated' || !this.#followed.has(host)) return;
      await condition(() => !isDue(), waitMs, { summary: `gives ${host} the list again` });
    }
  }

  #tellSilence(host: string, state: 'silent' | 'heard', lastLines: string): void {
    const generation = this.#current?.sealed.generation ?? 0;
    this.#parent.signal(messages.nodesSilent, { cell: this.#cell, generation, hosts: [host], state, lastLines }).catch(() => undefined);
  }

  /** Starts a node again, alone; what stands in the way is the end of that start. */
  async #restart(decided: messages.RestartDecided): Promise<void> {
    const { host, startNumber: ended, delayMs, generation } = decided;
    const granted = this.#hosts.find((other) => other.host === host);
    if (!granted) return;
    this.#open++;
    const stopped = () => this.#stopping !== null;
    if (delayMs > 0) await condition(stopped, delayMs, { summary: `back-off before ${host} starts again` });
    const gathering = gatheringAgain(this.#cell, ended + 1);
    try {
      if (stopped()) return;
      const { startNumber } = await prepareNode(this.input, granted, gathering);
      // What was prepared while all else was being stopped is stopped, too.
      if (stopped()) return await this.#end(granted);
      // It has left the run meanwhile.
      if (!this.#hosts.includes(granted)) return await this.#end(granted);
      void this.#follow({ host, gathering, startNumber, over: false }, 'alone');
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
