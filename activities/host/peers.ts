import type { PeerWord, WatchPeerInput } from '../../spec/activities.js';
import { cookie } from '../../spec/ids.js';
import type { NodeEnd } from '../../spec/nodes.js';
import { askPeer } from '../network/ask-peer.js';
import { type Answer, type Question, sameProof, signAnswer, signQuestion } from '../network/protocol.js';
import { terminateStart } from '../process/terminate.js';
import type { Agent } from './agent.js';
import { inTime } from './call.js';
import { bury } from './called-off.js';
import { isForgotten } from './forgotten.js';
import type { NodeStart } from './node-start.js';
import type { Seats } from './seats.js';
import { readStart, type StartRecord, startDir } from './store.js';

const ANSWER_LIMIT_MS = 2_000;
const SHORTEST_TRY_MS = 250;
const ASK_EVERY_MS = 1_000;
const BEAT_EVERY_MS = 3_000;

/** Answers other agents' questions about this host's seats. Who does not know the run's token hears nothing. */
export async function answerPeer(agent: Agent, seats: Seats, question: Question): Promise<Answer | undefined> {
  const { runId, host, startNumber, generation, mac } = question;
  const live = seats.get(runId, startNumber);
  const record = live?.record ?? readStart(agent.dataDir, runId, startNumber);
  const token = record?.token;
  if (host !== agent.host || !record || !token || !sameProof(mac, signQuestion(token, question))) return undefined;
  const say = (state: Answer['state'], end: string | null = null): Answer => ({ t: 'answer', state, end, mac: signAnswer(token, question, { state, end }) });
  if (question.t === 'ask') {
    if (record.end) return say('ended', JSON.stringify(record.end));
    return say(live ? 'running' : 'unknown');
  }
  bury(agent, runId, { generation, startNumber, gathering: null });
  return say((await endFenced(agent, record, live)) ? 'fenced' : 'unclean');
}

/** True: nothing of it is left. */
async function endFenced({ dataDir }: Agent, { program, run, host, startNumber }: StartRecord, live: NodeStart | undefined): Promise<boolean> {
  const { stopSignal, stopDurationSeconds } = program;
  const why = { type: 'Superseded' as const, message: 'the run went on without this host' };
  if (live) return await live.stop(why, stopSignal as NodeJS.Signals, stopDurationSeconds * 1000);
  // That nobody looks after it proves nothing: its processes are looked for.
  const { clean } = await terminateStart({
    ...{ dir: startDir(dataDir, run.runId, startNumber), cookie: cookie(run.runId, host, startNumber) },
    ...{ signal: 'SIGKILL', graceMs: 0 },
  });
  return clean;
}

/**
 * Asks a peer for its node again and again, and completes the activity once the node has ended, or nothing was heard for as long as was asked. Ends
 * when nobody wants to know any more. Never rejects.
 */
export async function watchPeer(agent: Agent, input: WatchPeerInput, task: Uint8Array): Promise<void> {
  const { run, peer } = input;
  agent.metrics.watch();
  agent.log.warn({ event: 'peer-silent', run: run.handle, peer: peer.host }, 'the host of a node is silent to Temporal; asking its agent');
  const word = await watch(agent, input, task);
  agent.metrics.unwatch(word?.kind);
  if (word) agent.log.info({ event: 'peer-known', run: run.handle, peer: peer.host, outcome: word.kind }, 'what became of a silent node is known');
}

/** What was told of it; undefined where nobody wanted to know any more. */
async function watch(agent: Agent, { run, token, localAddress, peer, silenceMs }: WatchPeerInput, task: Uint8Array): Promise<PeerWord | undefined> {
  const { client, log } = agent;
  const tell = async (word: PeerWord) => {
    await inTime(client, () => client.activity.complete(task, word));
    return word;
  };
  let heardAtMs = performance.now();
  let beatAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const { address, port, host, startNumber } = peer;
    // Its word is to come in time: the last try is as short as the time that is left.
    const leftMs = () => heardAtMs + silenceMs - performance.now();
    const limitMs = Math.min(ANSWER_LIMIT_MS, Math.max(SHORTEST_TRY_MS, leftMs()));
    const answer = await askPeer({ kind: 'ask', address, port, localAddress, token, runId: run.runId, host, startNumber, generation: 0 }, limitMs);
    const now = performance.now();
    try {
      if (answer.heard && answer.state === 'ended') return await tell({ kind: 'ended', end: JSON.parse(answer.end ?? '') as NodeEnd });
      if (answer.heard && answer.state === 'running') heardAtMs = now;
      if (leftMs() <= 0) {
        const message = answer.heard ? 'its agent does not know the node' : answer.why;
        // Its agent is there, and was not told of the node before Temporal went away: that is no word of a loss.
        return await tell({ kind: !answer.heard && answer.closed ? 'unknown' : 'unreachable', message });
      }
      if (now - beatAtMs >= BEAT_EVERY_MS) {
        await inTime(client, () => client.activity.heartbeat(task), BEAT_EVERY_MS);
        beatAtMs = now;
      }
    } catch (error) {
      if (isForgotten(error)) return undefined;
      log.warn({ event: 'peer-untold', run: run.handle, error: String(error), peer: host }, 'what is known of a peer could not be told; trying again');
    }
    await pause(Math.min(ASK_EVERY_MS, Math.max(0, leftMs() - SHORTEST_TRY_MS)));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
