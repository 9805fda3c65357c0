import type { ResolveResult } from '../../spec/activities.js';
import { describeExit } from '../../spec/exit-codes.js';
import type * as messages from '../../spec/messages.js';
import type { FailureNote, NodeEnd, RunStatus } from '../../spec/nodes.js';
import { describeWish, type ResizeWish } from '../../spec/resize.js';
import type { Roster } from '../../spec/roster.js';
import { counted } from '../../spec/words.js';
import type { StoryEvent, StoryKind } from './event.js';
import type { HistoryFact } from './facts.js';
import { type Draft, Joined } from './joined.js';
import { capital, changesOf, listOf, namesOf, nodesOf } from './words.js';

/** Ends that were decided about so much later than they were heard belong to something else: nobody decides for as long without a control worker. */
const NOTE_WITHIN_MS = 600_000;
type Heard<T> = { atMs: number; message: T };

/**
 * Makes a run's story of the facts of its history, in order, over all its executions. Pure, but for what it remembers: who has which rank.
 * `notes`: what the run says of its failures, and what it did about each; without them the story tells the ends alone.
 */
export class Story {
  #generation = 0;
  readonly #ranks = new Map<string, number>();
  readonly #told = new Set<string>();
  #notes: FailureNote[];
  #proposed: Roster | null = null;
  readonly #lines = new Joined();
  #roster: StoryEvent['nodes'] = [];

  constructor(notes: readonly FailureNote[]) {
    this.#notes = notes.toSorted((a, b) => a.atMs - b.atMs);
  }

  /** The lines that are complete now. */
  take(fact: HistoryFact): StoryEvent[] {
    return [...this.#overdueNotes(fact.atMs), ...this.#read(fact)].flatMap((draft) => this.#lines.add(draft));
  }

  /** What is left at the end. */
  end(): StoryEvent[] {
    return [...this.#overdueNotes(Number.POSITIVE_INFINITY).flatMap((draft) => this.#lines.add(draft)), ...this.#lines.flush()];
  }

  #read(fact: HistoryFact): Draft[] {
    const { atMs } = fact;
    const one = (kind: StoryKind, message: string, more: Partial<Draft> = {}) => [this.#event(atMs, kind, message, more)];
    switch (fact.fact) {
      case 'began':
        return this.#began(fact);
      case 'resolved':
        return this.#resolved(atMs, fact.result as ResolveResult | undefined);
      case 'heard':
        return this.#heard(atMs, fact.name, fact.message);
      case 'told':
        return this.#toldSomebody(atMs, fact.name, fact.message);
      case 'cellBegan': {
        const { hosts, adopt } = fact.input as messages.CellInput;
        const nodes = this.#nodes(hosts.map(({ host }) => host));
        if (adopt !== null) return one('trouble', `Another cell looks after ${nodesOf(nodes)}; their programs go on`, { nodes });
        return one('gathering', '', {
          nodes: nodes.map(({ host }) => ({ rank: null, host })),
          join: { key: 'gathering', say: (all) => `Gathering ${nodesOf(all)}` },
        });
      }
      case 'cellBroken':
        return one('trouble', `The cell ${fact.cell} ${fact.how}`);
      case 'asked': {
        const by = fact.by === '' ? '' : ` (${fact.by})`;
        if (fact.name === 'rescale') return one('asked', `Somebody${by} wants ${describeWish(fact.message as ResizeWish)}`);
        const isNow = (fact.message as { mode?: messages.StopMode } | undefined)?.mode === 'now';
        return one('asked', `Somebody${by} wants the run to be stopped${isNow ? ' at once' : ''}`);
      }
      case 'denied':
        return one('refused', fact.why);
      case 'cancelled':
        return one('asked', `Somebody${fact.by === '' ? '' : ` (${fact.by})`} cancelled the workflow`);
      case 'wasReset':
        return one('trouble', `The workflow was reset to this point${fact.why === '' ? '' : `: ${fact.why}`}`);
      case 'stuck':
        return one('trouble', `A control worker could not go on: ${fact.why}`);
      case 'over':
        return this.#over(atMs, fact);
    }
  }

  #began({ atMs, input: [submitted, carried], isContinued, by }: HistoryFact & { fact: 'began' }): Draft[] {
    const record = carried as { roster?: Roster | null } | undefined;
    if (record?.roster) this.#seal(record.roster);
    if (isContinued) return [this.#event(atMs, 'continued', 'The run goes on with a new history')];
    const name = (submitted as { name?: unknown } | null)?.name;
    const what = typeof name === 'string' ? `The task ${name}` : 'A task';
    return [this.#event(atMs, 'submitted', `${what} was submitted${by === '' ? '' : ` by ${by}`}`)];
  }

  #resolved(atMs: number, result: ResolveResult | undefined): Draft[] {
    if (!result?.ok) return [];
    return result.warnings.map((warning) => this.#event(atMs, 'submitted', `warning: ${warning}`));
  }

  /** Signals that the run has got. */
  #heard(atMs: number, name: string, message: unknown): Draft[] {
    const one = (kind: StoryKind, text: string, more: Partial<Draft> = {}) => [this.#event(atMs, kind, text, more)];
    switch (name) {
      case 'hostsGranted': {
        const hosts = (message as messages.HostsGranted).hosts.map(({ host }) => ({ rank: null, host }));
        return one('granted', `The fleet has granted ${nodesOf(hosts)}`, { nodes: hosts });
      }
      case 'leaseRefused': {
        const { failure } = message as messages.LeaseRefused;
        return one('refused', capital(failure.message), { reason: failure.type });
      }
      case 'cellGathered':
        return this.#gathered({ atMs, message: message as messages.CellGathered });
      case 'nodesReleased': {
        const { generation } = message as messages.NodesReleased;
        const nodes = this.#current();
        // Of newcomers to nodes that run on; that all have the list is told by the run.
        if (this.#proposed?.generation === generation || this.#isKnown(`released ${generation}`)) return [];
        const text = nodes.length === 1 ? `${capital(nodesOf(nodes))} was released` : `All ${nodes.length} nodes were released together`;
        return one('started', `${text} in generation ${generation}`, { nodes });
      }
      case 'nodesEnded':
        return this.#ended({ atMs, message: message as messages.NodesEnded });
      case 'rescaleWanted':
        return one('asked', `Somebody wants ${wishOf(message)}`);
      case 'nodesSilent': {
        const { hosts, state } = message as messages.NodesSilent;
        const nodes = this.#nodes(hosts);
        return state === 'silent'
          ? one('silent', `Nothing is heard of ${nodesOf(nodes)}`, { nodes })
          : one('heard', `${capital(nodesOf(nodes))} ${nodes.length === 1 ? 'is' : 'are'} heard of again`, { nodes });
      }
      case 'nodeRestarted': {
        const { host, startNumber } = message as messages.NodeRestarted;
        const nodes = this.#nodes([host]);
        return one('restarted', `${capital(nodesOf(nodes))} was started again, alone: its start ${startNumber}`, { nodes });
      }
      case 'hostDrained':
      case 'hostResumed': {
        const { host } = message as messages.HostDrained;
        return one('fleet', name === 'hostDrained' ? `${host} is to be taken out of use` : `${host} is in use again`, { nodes: this.#nodes([host]) });
      }
      case 'fleetRebuilt':
        // Every fleet asks once when it begins: news only to a run that has hosts.
        return this.#generation === 0 ? [] : one('fleet', `The fleet ${(message as messages.FleetRebuilt).fleet} was begun anew, and asked what the run holds`);
      case 'hostsTaken': {
        const { hosts, by } = message as messages.HostsTaken;
        return one('fleet', `${namesOf(hosts)} ${hosts.length === 1 ? 'was' : 'were'} given to ${by}`, { nodes: this.#nodes(hosts) });
      }
      default:
        return [];
    }
  }

  /** Signals that the run has sent. */
  #toldSomebody(atMs: number, name: string, message: unknown): Draft[] {
    const one = (kind: StoryKind, text: string, more: Partial<Draft> = {}) => [this.#event(atMs, kind, text, more)];
    switch (name) {
      case 'leaseRequested': {
        const { request, parts, hosts, extra, run } = message as messages.LeaseRequested;
        if (this.#isKnown(request)) return [];
        const nodes = parts.reduce((sum, part) => sum + part.nodes, 0);
        const which = hosts === null ? '' : `: ${namesOf(hosts)}`;
        const text = extra ? `It would take up to ${counted(nodes, 'more host')}` : `Waiting for ${counted(nodes, 'host')} of the fleet ${run.fleet}${which}`;
        return one('queued', text);
      }
      case 'leaseReturned': {
        const { clean, unclean, silent, all } = message as messages.LeaseReturned;
        const hosts = [...clean, ...unclean, ...silent];
        return all || hosts.length === 0
          ? []
          : one('fleet', `${namesOf(hosts)} ${hosts.length === 1 ? 'was' : 'were'} given back to the fleet`, { nodes: this.#nodes(hosts) });
      }
      case 'rosterSealed': {
        const { generation, startReason, replaced, rosterBytes } = message as messages.RosterSealed;
        const roster = JSON.parse(rosterBytes) as Roster;
        // Newcomers to nodes that run on hear of the proposed list as a sealed one.
        if (this.#proposed?.generation === generation || this.#isKnown(`sealed ${generation}`)) return [];
        const before = this.#current();
        this.#seal(roster);
        const changes = before.length === 0 || replaced.length > 0 ? '' : changesOf(before, this.#current());
        const why = startReason === 'first' ? '' : ` (${startReason}${changes}${replaced.length > 0 ? `; ${namesOf(replaced)} for lost ones` : ''})`;
        return one('sealed', `The list of generation ${generation} is sealed${why}: ${listOf(roster.nodes)}`, { nodes: this.#current() });
      }
      case 'changeProposed': {
        const { generation, rosterBytes } = message as messages.RosterSealed;
        if (this.#isKnown(`proposed ${generation}`)) return [];
        this.#proposed = JSON.parse(rosterBytes) as Roster;
        return one('proposed', `The nodes meet, to take over the list of generation ${generation}: ${listOf(this.#proposed.nodes)}`);
      }
      case 'changeSettled': {
        const { generation, outcome } = message as messages.ChangeSettled;
        if (outcome === 'doubted' || this.#isKnown(`settled ${generation}`)) return [];
        if (outcome === 'dropped' || this.#proposed === null) return one('dropped', `Nothing came of generation ${generation}; all is as before`);
        const before = this.#current();
        this.#seal(this.#proposed);
        const nodes = this.#current();
        return one('changed', `All have the list of generation ${generation}, ${counted(nodes.length, 'node')}${changesOf(before, nodes)}`, { nodes });
      }
      case 'stopDecided': {
        const { mode, generation } = message as messages.StopDecided;
        // Of no generation: hosts that were prepared and are not needed.
        if (generation === 0 || this.#isKnown(`stop ${generation} ${mode}`)) return [];
        return one('stopping', mode === 'now' ? 'All nodes are being killed' : 'All nodes are being stopped');
      }
      default:
        return [];
    }
  }

  #gathered({ atMs, message: { gathered, missing } }: Heard<messages.CellGathered>): Draft[] {
    const nodes = gathered.map(({ host }) => ({ rank: null, host }));
    const say = (all: StoryEvent['nodes']) => `${nodesOf(all)} ${all.length === 1 ? 'is' : 'are'} ready`;
    const ready = nodes.length > 0 ? [this.#event(atMs, 'gathered', '', { nodes, join: { key: 'gathered', say } })] : [];
    return [
      ...ready,
      ...missing.map(({ host, failure }) => this.#event(atMs, 'missing', capital(failure.message), { nodes: this.#nodes([host]), reason: failure.type })),
    ];
  }

  #ended({ atMs, message: { ends } }: Heard<messages.NodesEnded>): Draft[] {
    return ends.flatMap(({ host, end }) => {
      const nodes = this.#nodes([host]);
      const note = this.#takeNote(host, atMs);
      if (note) return [this.#event(atMs, 'failed', note.message, { nodes, reason: note.type })];
      if (end.kind === 'failed' && !isStop(end))
        return [this.#event(atMs, 'failed', `${capital(nodesOf(nodes))} failed: ${end.failure.message}`, { nodes, reason: end.failure.type })];
      const how = isStop(end) ? 'stopped' : end.kind === 'exited' ? describeExit(end.code) : 'ended';
      const kind = isStop(end) ? 'stopped' : end.kind === 'exited' && end.code !== 0 ? 'failed' : 'exited';
      const say = (all: StoryEvent['nodes']) => `${capital(nodesOf(all))} ${how === 'stopped' ? (all.length === 1 ? 'was stopped' : 'were stopped') : how}`;
      return [this.#event(atMs, kind, '', { nodes, join: { key: how, say } })];
    });
  }

  #over(atMs: number, { how, message, status }: HistoryFact & { fact: 'over' }): Draft[] {
    if (how === 'continued') return [];
    const last = status as Partial<RunStatus> | undefined;
    const phase = last?.phase ?? (how === 'terminated' ? 'cancelled' : how === 'completed' ? 'succeeded' : how === 'timedOut' ? 'failed' : how);
    return [
      this.#event(atMs, 'ended', `${capital(phase)}: ${last?.message ?? message}`, { reason: last?.reason ?? (how === 'terminated' ? 'Terminated' : '') }),
    ];
  }

  #event(atMs: number, kind: StoryKind, message: string, more: Partial<Draft> = {}): Draft {
    return { atMs, kind, message, generation: this.#generation, nodes: [], reason: '', ...more };
  }

  /** Failures that are nobody's end: a host that could not be gathered, or was given away. */
  #overdueNotes(beforeMs: number): Draft[] {
    const due = this.#notes.filter(({ atMs }) => atMs < beforeMs);
    this.#notes = this.#notes.filter(({ atMs }) => atMs >= beforeMs);
    return due.map(({ atMs, message, type, rank, host, generation }) => ({
      ...this.#event(atMs, 'failed', message),
      reason: type,
      nodes: [{ rank, host }],
      generation,
    }));
  }

  #takeNote(host: string, atMs: number): FailureNote | undefined {
    const note = this.#notes.find((each) => each.host === host && each.atMs < atMs + NOTE_WITHIN_MS);
    if (note) this.#notes = this.#notes.filter((each) => each !== note);
    return note;
  }

  #seal({ generation, nodes }: Roster): void {
    this.#generation = generation;
    this.#roster = nodes.map(({ rank, host }) => ({ rank, host }));
    for (const { rank, host } of nodes) this.#ranks.set(host, rank);
  }

  #current(): StoryEvent['nodes'] {
    return [...this.#roster];
  }

  #nodes(hosts: readonly string[]): StoryEvent['nodes'] {
    return hosts.map((host) => ({ rank: this.#ranks.get(host) ?? null, host }));
  }

  /** Whether it was told before: what goes to several cells, or is repeated, is one line. */
  #isKnown(what: string): boolean {
    const known = this.#told.has(what);
    this.#told.add(what);
    return known;
  }
}

/** Anybody may send this signal, with anything in it. */
function wishOf(message: unknown): string {
  const { nodes, groups } = (message ?? {}) as { nodes?: unknown; groups?: unknown };
  const counts = typeof groups === 'object' && groups !== null ? Object.values(groups) : [nodes];
  return counts.length > 0 && counts.every(Number.isInteger) ? describeWish(message as ResizeWish) : 'another number of nodes';
}

function isStop(end: NodeEnd): boolean {
  return end.kind === 'exited' ? end.stopped : end.failure.type === 'Stopped' || end.failure.type === 'Superseded';
}
