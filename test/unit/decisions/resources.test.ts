import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { parseTask } from '../../../spec/task/parse.js';
import type { Resources } from '../../../spec/task/resources.js';
import { isBy, isNamed } from '../../../workflows/decisions/gpu-name.js';
import { canEverBeMet, describeLack, type HostResources, meets, type Need, shortcoming } from '../../../workflows/decisions/resources.js';

/** Resources as a task file writes them. */
function wanted(resources: object | null): Resources | null {
  if (resources === null) return null;
  const parsed = parseTask({ commands: ['a'], resources }, { defaultName: 'demo' });
  return parsed.ok ? (parsed.task.groups[0]?.resources ?? null) : expect.fail(JSON.stringify(parsed.problems));
}

const need = (nodes: number, resources: object | null, where: Record<string, string> = {}): Need => ({ nodes, where, resources: wanted(resources) });
const host = (id: string, change: Partial<HostResources> = {}): HostResources => ({
  ...{ host: id, cpus: 16, memoryMb: 64_000, gpus: 0, labels: {}, gpuModel: null, gpuMemoryMb: null },
  ...change,
});
const a100 = (id: string, gpus = 8) => host(id, { gpus, gpuModel: 'NVIDIA A100-SXM4-80GB', gpuMemoryMb: 81_920 });

test.each<[object | null, Partial<HostResources>, string | null]>([
  [null, {}, null],
  [{}, {}, null],
  [{ cpu: 16 }, {}, null],
  [{ cpu: '8..' }, {}, null],
  [{ cpu: '..16' }, {}, null],
  [{ cpu: '32..' }, {}, '16 CPUs'],
  [{ cpu: 4 }, {}, '16 CPUs, more than asked'],
  [{ cpu: '2..' }, { cpus: 1 }, '1 CPU'],
  [{ cpu: 'arm:16' }, {}, null],
  [{ memory: '64GB..' }, { memoryMb: 63_000 }, null],
  [{ memory: '64GB' }, { memoryMb: 63_000 }, null],
  [{ memory: '64GB..' }, { memoryMb: 60_000 }, '58.6 GB of memory'],
  [{ memory: '..32GB' }, {}, '62.5 GB of memory, more than asked'],
  [{ memory: '512MB..' }, { memoryMb: 500 }, null],
  [{ gpu: 1 }, {}, 'no GPU'],
  [{ gpu: 0 }, {}, null],
  [{ gpu: '0..' }, {}, null],
  [{ gpu: 0 }, { gpus: 1 }, '1 GPU, more than asked'],
  [{ gpu: 8 }, { gpus: 8 }, null],
  [{ gpu: 2 }, { gpus: 8 }, '8 GPUs, more than asked'],
  [{ gpu: '2..' }, { gpus: 8 }, null],
  [{ gpu: '2..' }, { gpus: 1 }, '1 GPU'],
  [{ gpu: 'A100:8' }, a100(''), null],
  [{ gpu: 'a100:8' }, a100(''), null],
  [{ gpu: 'H100,A100:8' }, a100(''), null],
  [{ gpu: 'H100' }, a100(''), 'NVIDIA A100-SXM4-80GB'],
  [{ gpu: 'H100' }, { gpus: 1 }, 'GPUs of an unknown model'],
  [{ gpu: 'nvidia:8' }, a100(''), null],
  [{ gpu: 'amd:8' }, a100(''), 'NVIDIA A100-SXM4-80GB'],
  [{ gpu: '80GB:8' }, a100(''), null],
  [{ gpu: '24GB' }, { gpus: 1, gpuMemoryMb: 23_028 }, null],
  [{ gpu: '24GB..' }, { gpus: 1, gpuMemoryMb: 23_028 }, null],
  [{ gpu: '40GB..' }, { gpus: 1, gpuMemoryMb: 24_564 }, 'GPUs of 24 GB'],
  [{ gpu: '..16GB' }, { gpus: 1, gpuMemoryMb: 24_564 }, 'GPUs of 24 GB'],
  [{ gpu: '24GB' }, { gpus: 1 }, 'GPUs of unknown memory'],
  [{ gpu: { total_memory: '640GB..', count: '1..' } }, a100(''), null],
  [{ gpu: { total_memory: '640GB..', count: '1..' } }, a100('', 4), '320 GB of GPU memory'],
  [{ gpu: { compute_capability: '9.0' } }, a100(''), null],
  [{ gpu: { name: 'A100', count: '0..' } }, {}, null],
  [{ disk: '1TB..', shm_size: '16GB' }, {}, null],
])('for %j a host with %j: %s', (resources, facts, lack) => {
  const facing = { where: {}, resources: wanted(resources) };
  expect([shortcoming(host('h', facts), facing), meets(host('h', facts), facing)]).toEqual([lack, lack === null]);
});

test.each<[string, string[], boolean]>([
  ['NVIDIA A100-SXM4-80GB', ['A100'], true],
  ['NVIDIA A10', ['A100'], false],
  ['NVIDIA A10G', ['A10'], false],
  ['NVIDIA L40S', ['L4', 'L40'], false],
  ['NVIDIA H100 80GB HBM3', ['H100'], true],
  ['NVIDIA H100 80GB HBM3', ['h100-80gb'], true],
  ['NVIDIA GeForce RTX 4090', ['RTX4090'], true],
  ['NVIDIA GeForce RTX 4090', ['RTX 4090'], true],
  ['NVIDIA GeForce RTX 4090', ['4090'], true],
  ['NVIDIA GeForce RTX 4070 Ti', ['RTX4070'], false],
  ['NVIDIA GeForce RTX 4070 Ti SUPER', ['RTX4070Ti'], false],
  ['NVIDIA GeForce RTX 4070 Ti SUPER', ['RTX4070TiSuper'], true],
  ['NVIDIA RTX 6000 Ada Generation', ['RTX6000'], false],
  ['NVIDIA RTX 6000 Ada Generation', ['RTX6000Ada'], true],
  ['NVIDIA Tesla V100-SXM2-16GB', ['V100'], true],
  ['AMD Instinct MI300X VF', ['MI300X'], true],
  ['AMD Instinct MI250X/MI250', ['MI250'], true],
  ['Arcturus GL-XL [AMD Instinct MI100]', ['MI100'], true],
  ['AMD Radeon RX 7900 XTX', ['RX7900XT'], false],
  ['NVIDIA A100-SXM4-40GB MIG 1g.5gb', ['A100'], false],
  ['NVIDIA A100-SXM4-40GB MIG 1g.5gb', ['MIG 1g.5gb'], true],
  ['NVIDIA A100-SXM4-40GB + NVIDIA DGX Display', ['A100'], false],
  ['NVIDIA A100-SXM4-40GB + NVIDIA V100', ['V100', 'A100'], true],
  ['NVIDIA A100-SXM4-40GB', ['', '-'], false],
  ['', ['A100'], false],
])('%s is one of %j: %s', (model, names, expected) => {
  expect(isNamed(model, names)).toBe(expected);
});

test.each([
  ['NVIDIA L4', 'nvidia', true],
  ['Arcturus GL-XL [AMD Instinct MI100]', 'amd', true],
  ['AMD Instinct MI100', 'nvidia', false],
  ['AMD Instinct MI100 + NVIDIA L4', 'amd', false],
  ['', 'nvidia', false],
])('%s is by %s: %s', (model, vendor, expected) => {
  expect(isBy(model, vendor)).toBe(expected);
});

test.each<[string, HostResources[], Need[], string | null]>([
  ['can be met', [a100('g-1'), a100('g-2')], [need(2, { gpu: 8 })], null],
  ['asks for nothing but hosts, of which there are enough', [host('a')], [need(1, null)], null],
  ['wants more hosts than there are', [host('a')], [need(2, null)], 'needs 2 hosts; the fleet has 1: a'],
  ['meets an empty fleet', [], [need(1, { gpu: 1 })], 'needs 1 host with 1 GPU; the fleet has none'],
  [
    'wants more GPUs than most hosts have',
    [a100('g-1'), a100('g-2'), a100('g-3'), a100('g-4', 4), host('c-1'), host('c-2')],
    [need(4, { gpu: 'A100:8:80GB' })],
    'needs 4 hosts with 8 GPUs (A100, 80 GB each); the fleet has 3: g-1, g-2, g-3; the others have no GPU (c-1, c-2), 4 GPUs (g-4)',
  ],
  [
    'wants labels and everything else',
    [host('a'), host('b', { labels: { role: 'head' } })],
    [need(1, { cpu: '32..', memory: '16GB..128GB', gpu: 'amd:..2:24GB..' }, { role: 'head' })],
    'needs 1 host with role=head, at least 32 CPUs, 16 to 128 GB of memory and at most 2 GPUs (amd, at least 24 GB each); the fleet has none; the hosts have no label role=head (a), 16 CPUs (b)',
  ],
  [
    'has two groups of which one is short',
    [host('a', { labels: { role: 'head' } }), a100('g')],
    [need(1, null, { role: 'head' }), need(2, { gpu: { count: '1..', total_memory: '100GB..' } })],
    'needs 1 host with role=head and 2 hosts with at least 1 GPU (at least 100 GB in all); the fleet has 1 with at least 1 GPU (at least 100 GB in all): g; the others have no GPU (a)',
  ],
  [
    'has groups that would need the same host',
    [a100('g'), host('c')],
    [need(1, { gpu: '1..' }), need(1, { gpu: '8..' })],
    'needs 1 host with at least 1 GPU and 1 host with at least 8 GPUs; the fleet has 2 hosts, and some would have to serve for several groups',
  ],
  ['has groups that can share out the hosts only in one way', [a100('g'), host('c')], [need(1, null), need(1, { gpu: 8 })], null],
  [
    'has groups that ask for the same',
    [host('a')],
    [need(1, null), need(1, null)],
    'needs 2 hosts; the fleet has 1 host, and some would have to serve for several groups',
  ],
  ['wants no GPU', [a100('g')], [need(1, { gpu: 0 })], 'needs 1 host with no GPU; the fleet has none; the hosts have 8 GPUs, more than asked (g)'],
])('what is said of a request that %s', (_, hosts, needs, expected) => {
  expect([describeLack(hosts, needs), canEverBeMet(hosts, needs)]).toEqual([expected, expected === null]);
});

it('stays short with many hosts that differ', () => {
  const hosts = Array.from({ length: 300 }, (_, i) => host(`h-${i}`, { cpus: i }));
  const said = describeLack(hosts, [need(5, { cpu: '1000..' })]) ?? '';
  expect([said.length < 500, said.startsWith('needs 5 hosts with at least 1000 CPUs; the fleet has none; the hosts have 0 CPUs (h-0)')]).toEqual([true, true]);
});

it('says the same whatever the order of the groups, and more hosts never make a request impossible', () => {
  const hosts = fc.array(fc.record({ cpus: fc.integer({ min: 1, max: 4 }), gpus: fc.integer({ min: 0, max: 2 }), role: fc.constantFrom('a', 'b') }), {
    maxLength: 6,
  });
  const needs = fc.array(
    fc.record({
      nodes: fc.integer({ min: 1, max: 3 }),
      cpu: fc.integer({ min: 1, max: 4 }),
      gpu: fc.integer({ min: 0, max: 2 }),
      role: fc.option(fc.constantFrom('a', 'b')),
    }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(hosts, hosts, needs, (some, more, asked) => {
      const toHosts = (list: typeof some) => list.map(({ cpus, gpus, role }, i) => host(`h-${i}`, { cpus, gpus, labels: { role } }));
      const toNeeds = asked.map(({ nodes, cpu, gpu, role }) => need(nodes, { cpu: { min: cpu }, gpu: { count: { min: gpu } } }, role === null ? {} : { role }));
      const can = canEverBeMet(toHosts(some), toNeeds);
      expect(canEverBeMet(toHosts(some), [...toNeeds].reverse())).toBe(can);
      expect(canEverBeMet([...toHosts(some)].reverse(), toNeeds)).toBe(can);
      if (can) expect(canEverBeMet(toHosts([...some, ...more]), toNeeds)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
