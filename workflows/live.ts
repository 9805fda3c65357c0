import type { GrantedHost } from '../spec/fleet.js';
import type { Task } from '../spec/task/task.js';
import type { RunRecord } from './run-record.js';

/** Do nodes that stay run on when the list changes? Whoever was started before there was such a choice has made none. */
export function isLive({ onResize }: Partial<Pick<Task, 'onResize'>>): boolean {
  return onResize !== undefined && onResize.do !== 'restart';
}

/** Does a cell still have something to do when its nodes have ended? They may start again, or others may join them. */
export function outlivesItsNodes(task: Pick<Task, 'restart'> & Partial<Pick<Task, 'onResize'>>): boolean {
  return task.restart.scope === 'node' || isLive(task);
}

/** Are these as many as the task needs at least, of each group? */
export function isEnough(hosts: readonly GrantedHost[], { elastic, groups }: Pick<Task, 'elastic' | 'groups'>): boolean {
  return hosts.length >= (elastic?.min ?? 1) && groups.every((_, index) => hosts.some(({ group }) => group === index));
}

/** How many of these hosts are for each of the task's groups. */
export function sizesOf(hosts: readonly GrantedHost[], { groups }: Pick<Task, 'groups'>): number[] {
  return groups.map((_, index) => hosts.filter(({ group }) => group === index).length);
}

/** The run has these hosts, and wants no others for now. */
export function noteSizes(record: RunRecord, task: Pick<Task, 'groups'>): void {
  record.sizes = sizesOf(record.hosts, task);
  record.nodesWanted = record.hosts.length;
}
