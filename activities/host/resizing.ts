import type { NodeUpdate, UpdateNodeInput } from '../../spec/activities.js';
import type { FailureType } from '../../spec/failures.js';
import type { Roster } from '../../spec/roster.js';
import { outputSize } from '../process/output.js';
import { signalHandlers } from '../process/signal-handlers.js';
import type { Agent } from './agent.js';
import { isBuried } from './called-off.js';
import { meet } from './meet.js';
import { readNodesFile, replaceEnv, replaceNodeFiles } from './node-files.js';
import { spansWith } from './output-spans.js';
import { tryCommand } from './readiness.js';
import { keepRoster, readRoster } from './rosters.js';
import type { StartRecord } from './store.js';
import { asFailure } from './tell.js';

interface ResizingEvents {
  save(change: Partial<StartRecord>): void;
  /** The start has a newer list, and with it other lost hosts to call. */
  onTaken(): void;
  /** The command of `on_resize` failed: in words. */
  onFailed(message: string): void;
  /** Aborted when the program has ended. */
  signal: AbortSignal;
}

/** How one start takes over newer lists while its program goes: it meets the newcomers, then its files are replaced, then its program is told. */
export class Resizing {
  #meeting = new AbortController();
  /** Of the meeting that goes on; 0: none does. */
  #meets = 0;
  #telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly agent: Agent,
    private readonly record: StartRecord,
    private readonly dir: string,
    private readonly events: ResizingEvents,
  ) {}

  /** The program goes; an agent before this one may have had no time to tell it of a change. */
  resume(): void {
    if (this.record.oldList !== null) this.#tellSoon();
  }

  /** Takes over a newer list once all of the next generation have met. Never rejects; one at a time, the newest. */
  async take(input: UpdateNodeInput, deadlineAtMs: number, cancelled: AbortSignal): Promise<NodeUpdate> {
    const { record, agent } = this;
    const { generation, digest, startNumber, rosterBytes, decided } = input;
    if (record.generation >= generation) {
      const hasIt = readRoster(agent.dataDir, input.run.runId, digest) !== undefined;
      const message = `host ${agent.host} is in generation ${record.generation} already`;
      return hasIt ? { kind: 'updated' } : { kind: 'failed', failure: { type: 'Superseded', message }, unreachable: [], newest: record.generation };
    }
    if (record.end === null && record.stage !== 'released') return failed('BarrierBroken', `the node on ${agent.host} is just being started`);
    const isEnding = record.ending !== null && record.end === null;
    if (isEnding || isBuried(agent, input.run.runId, { gathering: record.gathering, generation, startNumber })) {
      return failed('Superseded', `the node on ${agent.host} is being ended`);
    }
    if (generation < this.#meets && !decided) return failed('Superseded', `host ${agent.host} meets for generation ${this.#meets} already`);
    // What was decided before a newer meeting has come to its end takes nothing from that.
    if (generation >= this.#meets) this.#meeting.abort();
    const meeting = new AbortController();
    const signal = AbortSignal.any([meeting.signal, cancelled]);
    let bytes = rosterBytes;
    try {
      if (decided) this.#takeOver(bytes ?? '', input);
      else {
        this.#meeting = meeting;
        this.#meets = generation;
        await meet(agent, record, input, {
          ...{ deadlineAtMs, patienceMs: 0, signal, alreadyReleased: false, isDone: () => false, proven: this.#known(), up: async () => undefined },
          prepare: async (read) => {
            bytes = read;
          },
          go: () => this.#takeOver(bytes ?? '', input),
        });
      }
      return { kind: 'updated' };
    } catch (error) {
      // Its list may have been taken over before something else broke.
      if (record.generation === generation) return { kind: 'updated' };
      const { type, message, unreachable = [] } = asFailure(error);
      return { kind: 'failed', failure: { type, message }, unreachable };
    } finally {
      if (this.#meeting === meeting) this.#meets = 0;
    }
  }

  /** The hosts of the list as it is: the ways to them were proven. */
  #known(): string[] {
    const { dataDir } = this.agent;
    const bytes = readRoster(dataDir, this.record.run.runId);
    return bytes === undefined ? [] : (JSON.parse(bytes) as Roster).nodes.map(({ host }) => host);
  }

  #takeOver(bytes: string, { generation, rank, fence, run }: UpdateNodeInput): void {
    const { agent, record, dir } = this;
    const oldList = record.oldList ?? readNodesFile(dir);
    this.events.save({ oldList });
    const before = { generation: record.generation, rank: record.rank };
    Object.assign(record, { generation, rank });
    try {
      replaceNodeFiles(agent, record, bytes, oldList);
      keepRoster(agent.dataDir, run.runId, bytes);
    } catch (error) {
      Object.assign(record, before);
      throw error;
    }
    this.events.save({ generation, rank, fence, oldList, spans: spansWith(record.spans, { from: outputSize(dir), generation, rank }) });
    this.events.onTaken();
    agent.rosterNews.tell(run.runId, record.startNumber);
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#telling = this.#telling
      .then(() => this.#tellProgram())
      .catch((error: unknown) => this.agent.log.error({ event: 'program-untold', error: String(error) }, 'a program could not be told of its new list'));
  }

  /** At least once: who was told just before its agent ended is told again. */
  async #tellProgram(): Promise<void> {
    const { record, dir, agent, events } = this;
    const { generation } = record;
    const { onResize } = record.program;
    if (record.oldList === null || events.signal.aborted) return;
    const list = readNodesFile(dir);
    if (onResize.do === 'signal') signalHandlers(dir, onResize.signal as NodeJS.Signals);
    if (onResize.do === 'exec') {
      const how = { baseEnv: agent.baseEnv, limitMs: onResize.timeoutSeconds * 1000, signal: events.signal };
      const seen = await tryCommand(onResize.command, dir, how);
      if (seen !== 'ready' && !events.signal.aborted) events.onFailed(`on_resize in generation ${generation}: ${seen}`);
    }
    if (record.generation === generation) return events.save({ oldList: null });
    // A newer list came meanwhile: what has changed since this one is told next.
    events.save({ oldList: list });
    replaceEnv(agent, record, readRoster(agent.dataDir, record.run.runId) ?? '', list);
  }
}

function failed(type: FailureType, message: string): NodeUpdate {
  return { kind: 'failed', failure: { type, message }, unreachable: [] };
}
