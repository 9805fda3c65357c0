import type { HostFacts } from '../../spec/fleet.js';
import type { GpuRequest } from '../../spec/task/gpu.js';
import type { Labels } from '../../spec/task/labels.js';
import type { Range } from '../../spec/task/range.js';
import type { Resources } from '../../spec/task/resources.js';
import { isBy, isNamed } from './gpu-name.js';
import { matchPlaces } from './matching.js';
import { describeNeed, describeNeeds, gigabytes, plural } from './resource-words.js';

/** What is known of a host. */
export type HostResources = Pick<HostFacts, 'host' | 'cpus' | 'memoryMb' | 'gpus' | 'gpuModel' | 'gpuMemoryMb' | 'labels'>;

/** What one group needs: so many hosts with these labels and resources. */
export interface Need {
  nodes: number;
  where: Labels;
  resources: Resources | null;
}

/**
 * Does the host have what a node needs? CPUs, memory and GPUs are compared; architecture, disk, shared memory and compute capability are
 * not, since no agent tells them. What a host does not say, it does not have.
 */
export function meets(host: HostResources, need: Pick<Need, 'where' | 'resources'>): boolean {
  return shortcoming(host, need) === null;
}

/** What a host has in the first place where that is not what is needed: `4 GPUs`, `no label role=head`; null where it has all. */
export function shortcoming(host: HostResources, { where, resources }: Pick<Need, 'where' | 'resources'>): string | null {
  const missing = Object.entries(where).filter(([name, value]) => host.labels[name] !== value);
  if (missing.length > 0) return `no label ${missing.map(([name, value]) => `${name}=${value}`).join(' ')}`;
  if (resources === null) return null;
  const { cpu, memoryGigabytes, gpu } = resources;
  if (cpu && !within(host.cpus, cpu.count)) return `${plural(host.cpus, 'CPU')}${excess(host.cpus, cpu.count)}`;
  if (memoryGigabytes && !withinMemory(host.memoryMb, memoryGigabytes))
    return `${gigabytes(host.memoryMb)} of memory${excess(host.memoryMb / 1_024, memoryGigabytes)}`;
  return gpu && gpuShortcoming(host, gpu);
}

function gpuShortcoming({ gpus, gpuModel, gpuMemoryMb }: HostResources, gpu: GpuRequest): string | null {
  if (!within(gpus, gpu.count)) return `${gpus === 0 ? 'no GPU' : plural(gpus, 'GPU')}${excess(gpus, gpu.count)}`;
  if (gpus === 0) return null;
  const named = (gpu.names === null || isNamed(gpuModel ?? '', gpu.names)) && (gpu.vendor === null || isBy(gpuModel ?? '', gpu.vendor));
  if (!named) return gpuModel === null ? 'GPUs of an unknown model' : gpuModel;
  if (gpu.memoryGigabytes === null && gpu.totalMemoryGigabytes === null) return null;
  if (gpuMemoryMb === null) return 'GPUs of unknown memory';
  if (gpu.memoryGigabytes && !withinMemory(gpuMemoryMb, gpu.memoryGigabytes)) return `GPUs of ${gigabytes(gpuMemoryMb)}`;
  const total = gpus * gpuMemoryMb;
  return gpu.totalMemoryGigabytes && !withinMemory(total, gpu.totalMemoryGigabytes) ? `${gigabytes(total)} of GPU memory` : null;
}

function within(value: number, { min, max }: Range): boolean {
  return value >= (min ?? 0) && value <= (max ?? Number.POSITIVE_INFINITY);
}

/** Firmware, drivers and error correction keep up to 7 percent: a card of 24 GB tells 23,028 MiB, a machine of 64 GB 63,000. */
function withinMemory(mib: number, { min, max }: Range): boolean {
  return mib >= (min ?? 0) * 1_024 * TOLD && mib <= (max ?? Number.POSITIVE_INFINITY) * 1_024;
}

const TOLD = 0.93;

function excess(value: number, { max }: Range): string {
  return max !== null && value > max ? ', more than asked' : '';
}

/** Could these hosts together meet all needs at once, if all were free? */
export function canEverBeMet(hosts: readonly HostResources[], needs: readonly Need[]): boolean {
  const places = needs.flatMap((need, index) => Array.from({ length: need.nodes }, () => index));
  if (places.length > hosts.length) return false;
  const met = hosts.map((host) => needs.map((need) => meets(host, need)));
  return matchPlaces(hosts.length, places.length, (host, place) => met[host]?.[places[place] ?? 0] ?? false) !== null;
}

/**
 * Why the hosts, all of them free, could not meet the needs, in words: `needs 4 hosts with 8 GPUs; the fleet has 3: gpu-1, gpu-2, gpu-3;
 * the others have no GPU (cpu-1)`. Null where they could.
 */
export function describeLack(hosts: readonly HostResources[], needs: readonly Need[]): string | null {
  if (canEverBeMet(hosts, needs)) return null;
  const short = needs.filter((need) => hosts.filter((host) => meets(host, need)).length < need.nodes);
  const all = `needs ${describeNeeds(needs)}`;
  if (short.length > 0) return [all, ...short.map((need) => describeShort(hosts, need, needs.length > 1))].join('; ');
  return `${all}; the fleet has ${plural(hosts.length, 'host')}, and some would have to serve for several groups`;
}

function describeShort(hosts: readonly HostResources[], need: Need, several: boolean): string {
  const meeting = hosts.filter((host) => meets(host, need)).map(({ host }) => host);
  const others = new Map<string, string[]>();
  for (const host of hosts) {
    const lack = shortcoming(host, need);
    if (lack !== null) others.set(lack, [...(others.get(lack) ?? []), host.host]);
  }
  const what = several ? ` with ${describeNeed(need) || 'anything'}` : '';
  const has = meeting.length === 0 ? `the fleet has none${what}` : `the fleet has ${meeting.length}${what}: ${named(meeting)}`;
  const kinds = [...others].sort(([, a], [, b]) => b.length - a.length);
  const rest = kinds.slice(0, MOST_NAMED).map(([lack, ids]) => `${lack} (${named(ids)})`);
  return rest.length === 0 ? has : `${has}; the ${meeting.length === 0 ? 'hosts' : 'others'} have ${rest.join(', ')}`;
}

function named(ids: readonly string[]): string {
  return ids.slice(0, MOST_NAMED).join(', ') + (ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '');
}

const MOST_NAMED = 6;
