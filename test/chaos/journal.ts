import { readFileSync } from 'node:fs';

/** Something that a program said, or `seen`: that its process was looked at and lived. */
export interface Line {
  /** Seconds of the machine's uptime. */
  atS: number;
  event: 'start' | 'beat' | 'term' | 'exit' | 'helper' | 'seen' | 'told';
  /** Of an exit. */
  code: number;
  runId: string;
  host: string;
  generation: number;
  rank: number;
  /** How many nodes it was told of. */
  nodes: number;
  startNumber: number;
  pid: number;
  /** Of DSTACK_NODES_IPS, and of the roster file without the node's own rank. */
  list: string;
  roster: string;
  /** What stood in its files then, where it looks; `unreadable`: half a file, or none. */
  read?: Read | 'unreadable';
}

/** What a program finds in its files when its list may change while it runs. */
export interface Read {
  /** Why it was started. */
  reason: string;
  /** Of the roster file: its generation, the node's own rank, all addresses. */
  generation: number;
  rank: number;
  list: string;
  /** All addresses in the file of addresses. */
  addresses: string;
}

/** The lines of a journal in the order in which they were written; a line that is cut short is left for the next time. */
export function parseJournal(text: string): Line[] {
  return text.split('\n').slice(0, -1).map(parseLine);
}

function parseLine(text: string): Line {
  const [atS, event, code, runId, host, generation, rank, nodes, startNumber, pid, list, roster, read] = text.split(' ');
  if (roster === undefined) throw new Error(`not a line of a journal: ${text}`);
  return {
    ...{ atS: Number(atS), event: event as Line['event'], code: Number(code), runId: runId ?? '', host: host ?? '' },
    ...{ generation: Number(generation), rank: Number(rank), nodes: Number(nodes), startNumber: Number(startNumber) },
    ...{ pid: Number(pid), list: list ?? '', roster },
    ...(read === undefined ? {} : { read: parseRead(read) }),
  };
}

function parseRead(text: string): Read | 'unreadable' {
  const [reason = '', generation, rank, list = '', addresses = ''] = text.split('/');
  return rank === undefined ? 'unreadable' : { reason, generation: Number(generation), rank: Number(rank), list, addresses };
}

/** The clock that programs write: seconds since the machine was started. */
export function uptimeS(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
}
