import { ApplicationFailure } from '@temporalio/workflow';
import type { MeetingInput } from '../spec/activities.js';
import type { CellInput, RosterSealed } from '../spec/messages.js';
import type { Roster, RosterNode } from '../spec/roster.js';
import type { Witness } from './witnesses.js';

/** A list, and its nodes. */
export interface Current {
  sealed: RosterSealed;
  ranked: RosterNode[];
}

export function asCurrent(sealed: RosterSealed): Current {
  return { sealed, ranked: (JSON.parse(sealed.rosterBytes) as Roster).nodes };
}

/** What a node is to know to meet the others; the bytes of the list are for its caller to add. */
export function meetingOf({ run, hosts }: CellInput, current: Current | null, { host, startNumber }: { host: string; startNumber: number }): MeetingInput {
  const { sealed, ranked } = current ?? { sealed: null, ranked: [] };
  const self = ranked.find((node) => node.host === host);
  const [master] = ranked;
  const identity = hosts.find((granted) => granted.host === host)?.identity;
  if (!self || !master || !sealed || identity === undefined) throw ApplicationFailure.nonRetryable(`host ${host} is not in the roster`, 'Internal');
  const { generation, digest, token, barrierDeadlineMs, fence, preflight } = sealed;
  const { rank, address } = self;
  return {
    ...{ host, identity, run, generation, startNumber, rank, address, nodes: ranked.length, digest, token, barrierDeadlineMs, preflight },
    rendezvous: { address: master.address, port: master.port },
    rosterBytes: null,
    fence: rank === 0 ? fence : [],
  };
}

/** The other nodes of the run, whichever cell looks after them; those behind it first, so that not all ask the same ones. */
export function peersOf({ identities }: RosterSealed, ranked: readonly RosterNode[], rank: number): Witness[] {
  const others = [...ranked.slice(rank + 1), ...ranked.slice(0, rank)];
  return others.flatMap(({ host, rank: of, address: localAddress }) => {
    const identity = identities[of] ?? '';
    return identity === '' ? [] : [{ host, identity, localAddress }];
  });
}
