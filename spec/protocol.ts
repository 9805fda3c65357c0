/**
 * What agents and control workers say to each other: the inputs and answers of host activities, announcements, signals. +1 when an older
 * other side could not go on with it; fields that may be missing need none.
 */
export const NEWEST_PROTOCOL = 1;
/** The oldest that this version still goes on with. */
export const OLDEST_PROTOCOL = 1;

/** The protocols that one side can speak, both ends included. */
export interface ProtocolRange {
  oldest: number;
  newest: number;
}

export const OWN_PROTOCOL: ProtocolRange = { oldest: OLDEST_PROTOCOL, newest: NEWEST_PROTOCOL };

/** Why two sides do not understand each other, for people; null where they do. `version`: the agent's. */
export function protocolProblem(agent: ProtocolRange, version: string, own: ProtocolRange = OWN_PROTOCOL): string | null {
  if (agent.newest < own.oldest) return `its agent (${version}) is too old for this control worker: upgrade the agent`;
  if (agent.oldest > own.newest) return `its agent (${version}) is too new for this control worker: upgrade the control worker`;
  return null;
}
