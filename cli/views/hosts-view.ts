import type { HostStatus } from '../../client/index.js';
import { counted } from '../../spec/words.js';
import { type Column, tableOf } from '../terminal/columns.js';
import { type Line, lineOf, type Paint, type Span } from '../terminal/text.js';
import { countOf, fold } from './fold.js';
import type { Paints } from './run-view.js';
import { age } from './since.js';

export interface HostsLook {
  fleet: string;
  nowMs: number;
  columns: number;
  /** How many lines there may be. */
  rows: number;
  /** Since when a host is in its state; null where it is not known. */
  sinceMs: (host: string) => number | null;
  /** Of these the runs that have them hear nothing. */
  silent: ReadonlySet<string>;
  /** What keeps the view from being true; empty where nothing does. */
  trouble: string;
  paint: Paints;
}

/** Hosts that need a look first. */
const WORRY: Record<HostStatus['state'], number> = { incompatible: 6, silent: 5, releasing: 4, leaving: 3, drained: 2, held: 1, free: 0 };

const COLUMNS: Column[] = [
  ...[{ head: 'HOST', least: 6 }, { head: 'ADDRESS', least: 9 }, { head: 'STATE' }, { head: 'SINCE' }, { head: 'RUN', least: 8 }],
  ...[
    { head: 'CPUS', side: 'left' as const },
    { head: 'MEMORY', side: 'left' as const },
    { head: 'GPUS', least: 4 },
    { head: 'LABELS', least: 6 },
  ],
];

/** A fleet as a live view shows it: how many hosts are in which state, and a line for each, as far as there is room. */
export function hostsView(hosts: readonly HostStatus[], look: HostsLook): Line[] {
  const { fleet, columns, rows, nowMs, sinceMs, silent, trouble, paint } = look;
  const counts = countOf(hosts.map(({ state }) => state)).map(([state, count]) => `${count} ${state}`);
  const problems = hosts.filter(({ problem }) => problem !== '').map(({ host, problem }) => ({ text: `${host} is not used: ${problem}`, paint: paint.warn }));
  const words: Span[][] = [
    [
      { text: `fleet ${fleet}`, paint: paint.strong },
      { text: `  ${counted(hosts.length, 'host')}${counts.length > 0 ? ` · ${counts.join(' · ')}` : ''}`, paint: paint.faint },
    ],
    ...problems.slice(0, 3).map((problem) => [problem]),
    ...(trouble === '' ? [] : [[{ text: trouble, paint: paint.warn }]]),
  ].slice(0, rows);
  const { shown, rest } = fold(hosts, Math.max(0, rows - words.length - 1), {
    worry: ({ host, state }) => (silent.has(host) ? WORRY.silent : WORRY[state]),
    kind: ({ state }) => state,
  });
  const lines = shown.map((host) => {
    const since = sinceMs(host.host);
    const [id = '', address = '', state = '', ...facts] = hostCells(host, silent);
    const [first, ...others] = facts.map((text) => ({ text }));
    const painted = { text: state, paint: paintOf(silent.has(host.host) ? 'silent' : host.state, paint) };
    return [
      { text: id },
      { text: address },
      painted,
      { text: since === null ? '-' : age(nowMs - since), paint: paint.faint },
      first ?? { text: '-' },
      ...others,
    ];
  });
  const table = shown.length === 0 ? [] : tableOf(COLUMNS, lines, columns, paint.faint);
  return [...words, ...table, ...(rest === '' ? [] : [[{ text: rest, paint: paint.faint }]])].map((spans) => lineOf(spans, columns));
}

/** HOST, ADDRESS, STATE, RUN, CPUS, MEMORY, GPUS and LABELS of one host. */
export function hostCells(
  { host, address, state, drained, leaving, lease, cpus, memoryMb, gpus, gpuModel, labels }: HostStatus,
  silent: ReadonlySet<string>,
): string[] {
  const also = [silent.has(host) ? 'silent' : '', drained && state !== 'drained' ? 'drained' : '', leaving && state !== 'leaving' ? 'leaving' : ''];
  const how = [state, ...also.filter(Boolean)].join(', ');
  const cards = gpuModel === null ? String(gpus) : `${gpus} × ${gpuModel}`;
  const shown = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [host, address, how, lease?.handle ?? '-', String(cpus), `${(memoryMb / 1_024).toFixed(1)} GiB`, cards, shown.join(' ') || '-'];
}

function paintOf(state: HostStatus['state'], { good, warn, bad }: Paints): Paint {
  if (state === 'free' || state === 'held') return good;
  return state === 'incompatible' || state === 'silent' ? bad : warn;
}
