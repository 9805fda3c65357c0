import type { OutputChoice, RunStatus } from '../client/index.js';
import { named } from '../spec/words.js';
import { UsageError } from './exit.js';
import { wholeNumber } from './numbers.js';

/** As the options of `logs` name it. */
export interface ChoiceOptions {
  rank?: number[];
  host?: string[];
  generation?: number;
  since?: Date;
  tail?: number;
}

export const MOST_TAIL = 100_000;
const MOST_NAMED = 10;

const readRank = wholeNumber('--rank', 0, 1_999);

/** A reader of `--rank 0 --rank 3`, or `--rank 0,3`. Throws `UsageError`. */
export function ranks(text: string, before: number[] = []): number[] {
  return [...before, ...text.split(',').map((each) => readRank(each.trim()))];
}

export function choiceOf({ rank, host, generation, since, tail }: ChoiceOptions): OutputChoice {
  return {
    ...(rank === undefined ? {} : { rank }),
    ...(host === undefined ? {} : { host }),
    ...(generation === undefined ? {} : { generation }),
    ...(since === undefined ? {} : { since }),
    ...(tail === undefined ? {} : { tail }),
  };
}

/** What the run does not have, and has not had, cannot be shown: a mistake rather than no output. Throws `UsageError`. */
export function refuseUnknown({ rank: ranks = [], host: hosts = [], generation }: ChoiceOptions, status: RunStatus): void {
  const { nodes, formerNodes, generation: newest } = status;
  if (newest === 0) return;
  if (generation !== undefined && generation > newest) throw new UsageError(`There is no generation ${generation} so far; the run is in generation ${newest}`);
  const all = [...nodes, ...formerNodes];
  // Who was a node of an older, larger generation may have another rank by now.
  const most = Math.max(nodes.length, all.length, ...all.map(({ rank }) => (rank ?? 0) + 1));
  const rank = ranks.find((each) => each >= most);
  if (rank !== undefined) throw new UsageError(`There is no rank ${rank}; the run has ranks 0 to ${nodes.length - 1}`);
  const host = hosts.find((each) => !all.some((node) => node.host === each));
  if (host !== undefined)
    throw new UsageError(
      `No node of the run is, or was, on ${host}; its hosts are ${named(
        all.map((node) => node.host),
        MOST_NAMED,
      )}`,
    );
}
