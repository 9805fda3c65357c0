import type { GatheredHost } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { type AddressDecision, decideAddresses } from './decisions/address.js';
import type { RunRecord } from './run-record.js';

/** One address for each of the hosts, chosen across all of them, without the ways that were proven closed. */
export function chooseAddresses(record: RunRecord, { network, interface: name }: Task, hosts: readonly GatheredHost[]): AddressDecision {
  return decideAddresses({ hosts, wish: { network, interface: name }, avoid: record.unreachable });
}
