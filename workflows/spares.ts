import { condition } from '@temporalio/workflow';
import type { Task } from '../spec/task/task.js';
import { flapping } from './flapping.js';
import { dismiss, leaseExtra, startCells } from './gather.js';
import type { Cell, RunRecord } from './run-record.js';

/** A spare that could not be readied is followed by another no sooner. */
const NEXT_SPARE_MS = 10_000;

/** Holds as many hosts ready as the task says, as long as it is not over. */
export async function keepSpares(record: RunRecord, task: Task, isOver: () => boolean): Promise<void> {
  if (task.spares === 0) return;
  const lack = () => task.spares - record.spares.length;
  for (;;) {
    await condition(() => isOver() || (record.phase === 'running' && lack() > 0));
    if (isOver()) return;
    const { except, untilMs } = flapping(record, task);
    const hosts = await leaseExtra(record, task, { nodes: lack(), except, limitMs: untilMs - Date.now() }, isOver);
    if (hosts === null) continue;
    const readied = hosts.map(async (host) => {
      const cells: Cell[] = [];
      const started = startCells(record, task, cells, [host], record.round);
      const [cell] = cells;
      if (cell === undefined) return false;
      const spare = { host, cell };
      record.spares.push(spare);
      await started;
      await condition(() => cell.answer !== null || cell.closed || isOver());
      if (isReady(spare) || !record.spares.includes(spare)) return true;
      record.spares = record.spares.filter((other) => other !== spare);
      await dismiss(record, task, { hosts: [host], cells });
      return false;
    });
    if (!(await Promise.all(readied)).every(Boolean)) await condition(isOver, NEXT_SPARE_MS, { summary: 'readies another spare' });
  }
}

function isReady({ cell }: RunRecord['spares'][number]): boolean {
  return !cell.closed && cell.answer?.gathered.length === 1;
}

/** Makes newcomers of up to so many spares; how many there were. */
export function useSpares(record: RunRecord, nodes: number): number {
  const used = record.spares.filter(isReady).slice(0, nodes);
  if (used.length === 0) return 0;
  record.spares = record.spares.filter((spare) => !used.includes(spare));
  const { hosts, cells } = record.newcomers ?? { hosts: [], cells: [] };
  record.newcomers = { hosts: [...hosts, ...used.map(({ host }) => host)], cells: [...cells, ...used.map(({ cell }) => cell)] };
  return used.length;
}

/** Gives back all hosts that are held ready. */
export async function dismissSpares(record: RunRecord, task: Task): Promise<void> {
  const spares = record.spares.splice(0);
  if (spares.length > 0) await dismiss(record, task, { hosts: spares.map(({ host }) => host), cells: spares.map(({ cell }) => cell) });
}
