import type { GpuRequest } from '../../spec/task/gpu.js';
import type { Range } from '../../spec/task/range.js';
import type { Need } from './resources.js';

/** `1 host with role=head and 4 hosts with 8 GPUs`; needs that ask for the same are one. */
export function describeNeeds(needs: readonly Need[]): string {
  const merged = new Map<string, number>();
  for (const need of needs) merged.set(describeNeed(need), (merged.get(describeNeed(need)) ?? 0) + need.nodes);
  return [...merged].map(([what, nodes]) => plural(nodes, 'host') + (what === '' ? '' : ` with ${what}`)).join(' and ');
}

/** What one host of it must have: `role=head, 8 CPUs, at least 16 GB of memory and 8 GPUs (A100, 80 GB each)`; empty for any host. */
export function describeNeed({ where, resources }: Pick<Need, 'where' | 'resources'>): string {
  const words = Object.entries(where).map(([name, value]) => `${name}=${value}`);
  if (resources?.cpu) words.push(counted(resources.cpu.count, 'CPU'));
  if (resources?.memoryGigabytes) words.push(`${sized(resources.memoryGigabytes)} of memory`);
  if (resources?.gpu) words.push(describeGpus(resources.gpu));
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function describeGpus({ vendor, names, count, memoryGigabytes, totalMemoryGigabytes }: GpuRequest): string {
  const which = [
    names === null ? vendor : names.join(' or '),
    memoryGigabytes && `${sized(memoryGigabytes)} each`,
    totalMemoryGigabytes && `${sized(totalMemoryGigabytes)} in all`,
  ].filter((word) => word !== null);
  return counted(count, 'GPU') + (which.length === 0 ? '' : ` (${which.join(', ')})`);
}

function counted({ min, max }: Range, what: string): string {
  if (max === 0) return `no ${what}`;
  const last = max ?? min ?? 0;
  return `${ranged({ min, max }, String)} ${what}${last === 1 ? '' : 's'}`;
}

function sized(range: Range): string {
  return `${ranged(range, (value) => gigabytes(value * 1_024).replace(/ GB$/, ''))} GB`;
}

function ranged({ min, max }: Range, write: (value: number) => string): string {
  if (min === max && min !== null) return write(min);
  if (max === null) return `at least ${write(min ?? 0)}`;
  return min === null ? `at most ${write(max)}` : `${write(min)} to ${write(max)}`;
}

/** Mebibytes as people say them: `22.5 GB`. */
export function gigabytes(mib: number): string {
  return `${Math.round((mib / 1_024) * 10) / 10} GB`;
}

export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
