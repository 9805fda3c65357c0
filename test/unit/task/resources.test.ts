import { expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';

function parse(resources: unknown) {
  return parseTask({ commands: ['a'], resources }, { defaultName: 'demo' });
}

const nothing = { cpu: null, memoryGigabytes: null, gpu: null, diskGigabytes: null, shmSizeGigabytes: null };
const anyGpu = { vendor: null, names: null, count: { min: 1, max: null }, memoryGigabytes: null, totalMemoryGigabytes: null, computeCapability: null };
const range = (min: number | null, max: number | null) => ({ min, max });

test.each<[unknown, object]>([
  [{}, {}],
  [{ cpu: 4 }, { cpu: { architecture: null, count: range(4, 4) } }],
  [{ cpu: '2..8' }, { cpu: { architecture: null, count: range(2, 8) } }],
  [{ cpu: '2 ..' }, { cpu: { architecture: null, count: range(2, null) } }],
  [{ cpu: 'arm:4..' }, { cpu: { architecture: 'arm', count: range(4, null) } }],
  [{ cpu: { arch: 'x86', count: '..4' } }, { cpu: { architecture: 'x86', count: range(null, 4) } }],
  [{ cpu: { arch: 'arm' } }, { cpu: { architecture: 'arm', count: range(1, null) } }],
  [{ cpu: { min: 2, max: 4 } }, { cpu: { architecture: null, count: range(2, 4) } }],
  [{ memory: '16GB..' }, { memoryGigabytes: range(16, null) }],
  [{ memory: '512 MB' }, { memoryGigabytes: range(0.5, 0.5) }],
  [{ memory: { min: '1TB' } }, { memoryGigabytes: range(1024, null) }],
  [{ memory: 8 }, { memoryGigabytes: range(8, 8) }],
  [{ disk: '100GB..' }, { diskGigabytes: range(100, null) }],
  [{ disk: { size: '100gb' } }, { diskGigabytes: range(100, 100) }],
  [{ shm_size: '8GB' }, { shmSizeGigabytes: 8 }],
  [{ gpu: 2 }, { gpu: { ...anyGpu, count: range(2, 2) } }],
  [{ gpu: '24GB' }, { gpu: { ...anyGpu, memoryGigabytes: range(24, 24) } }],
  [{ gpu: 'A100:2' }, { gpu: { ...anyGpu, names: ['A100'], count: range(2, 2) } }],
  [
    { gpu: 'nvidia:A100,H100:80GB..:1..4' },
    { gpu: { ...anyGpu, vendor: 'nvidia', names: ['A100', 'H100'], memoryGigabytes: range(80, null), count: range(1, 4) } },
  ],
  [{ gpu: { name: 'A100', count: 2, memory: '40GB..' } }, { gpu: { ...anyGpu, names: ['A100'], count: range(2, 2), memoryGigabytes: range(40, null) } }],
  [
    { gpu: { name: ['A100', 'H100'], vendor: 'TPU', compute_capability: 8, total_memory: '80GB' } },
    { gpu: { ...anyGpu, names: ['A100', 'H100'], vendor: 'google', computeCapability: '8.0', totalMemoryGigabytes: range(80, 80) } },
  ],
])('%j is read as dstack means it', (resources, expected) => {
  const parsed = parse(resources);
  expect(parsed.ok && parsed.task.groups[0]?.resources).toEqual({ ...nothing, ...expected });
  const uncompared = Object.keys(resources as object).filter((key) => key === 'disk' || key === 'shm_size');
  expect(parsed.warnings.map(describeProblem)).toEqual(uncompared.map((key) => `resources.${key}: \`${key}\` is not compared with what hosts have`));
});

test.each<[unknown, string[]]>([
  [3, ['resources: expected a map with `cpu`, `memory`, `gpu`, `disk` or `shm_size`, got 3']],
  [{ memroy: 1 }, ['resources: `memroy` is not a known key; did you mean `memory`?']],
  [JSON.parse('{"__proto__": 1}'), ['resources: `__proto__` is not a known key']],
  [{ cpu: 'many' }, ['resources.cpu: expected a number of CPUs such as `4`, `2..8` or `arm:4..`, got "many"']],
  [{ cpu: '8..2' }, ['resources.cpu: expected a range from the smaller to the larger, got 8..2']],
  [{ cpu: '..' }, ['resources.cpu: expected a number of CPUs such as `4`, `2..8` or `arm:4..`, got ".."']],
  [{ cpu: 1.5 }, ['resources.cpu: expected a number of CPUs such as `4`, `2..8` or `arm:4..`, got 1.5']],
  [{ cpu: {} }, ['resources.cpu: expected a number of CPUs such as `4`, `2..8` or `arm:4..`, got a map']],
  [{ memory: '16G' }, ['resources.memory: expected a size such as `512MB`, `16GB` or `1TB`, or a range such as `16GB..`, got "16G"']],
  [{ memory: { mni: 1 } }, ['resources.memory: `mni` is not a known key; did you mean `min`?']],
  [{ disk: { sizee: 1 } }, ['resources.disk: `sizee` is not a known key; did you mean `size`?']],
  [{ shm_size: '1GB..' }, ['resources.shm_size: expected a size such as `512MB` or `16GB`, got "1GB.."']],
  [{ gpu: 'A100:H100' }, ['resources.gpu: expected one name, got several in "A100:H100"']],
  [{ gpu: 'A100:' }, ['resources.gpu: expected GPUs such as `2`, `24GB`, `A100:2` or `{name, count, memory}`, got "A100:"']],
  [{ gpu: 'A100,:2' }, ['resources.gpu: expected GPUs such as `2`, `24GB`, `A100:2` or `{name, count, memory}`, got "A100,:2"']],
  [
    { gpu: { count: 'x', memory: 'y' } },
    [
      'resources.gpu.count: expected a whole number or a range such as `2..8`, `2..` or `..8`, got "x"',
      'resources.gpu.memory: expected a size such as `512MB`, `16GB` or `1TB`, or a range such as `16GB..`, got "y"',
    ],
  ],
  [{ gpu: { vendor: 'acme' } }, ['resources.gpu.vendor: expected one of nvidia, amd, intel, google, tpu, tenstorrent, got "acme"']],
  [
    { cpu: true, memory: [] },
    [
      'resources.cpu: expected a number of CPUs such as `4`, `2..8` or `arm:4..`, got true',
      'resources.memory: expected a size such as `512MB`, `16GB` or `1TB`, or a range such as `16GB..`, got an empty list',
    ],
  ],
])('%j is refused in our own words', (resources, messages) => {
  const parsed = parse(resources);
  expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual(messages);
});
