import type { RunNodeInput } from '../../spec/activities.js';
import type { Agent } from './agent.js';
import { writeNodeFiles } from './node-files.js';
import { keepRoster, readRoster } from './rosters.js';
import type { StartRecord } from './store.js';

/** The list that a node would go on with is not on its host. */
export class RosterNotKept extends Error {}

/** The others run already: the list is the one that this host has kept, and nobody is waited for. */
export async function enterAlone(agent: Agent, record: StartRecord, input: RunNodeInput, go: () => void): Promise<void> {
  const bytes = input.rosterBytes ?? readRoster(agent.dataDir, input.run.runId, input.digest);
  if (bytes === undefined) throw new RosterNotKept(`host ${agent.host} has not kept the list of generation ${input.generation}`);
  keepRoster(agent.dataDir, input.run.runId, bytes);
  await writeNodeFiles(agent, record, bytes);
  go();
}
