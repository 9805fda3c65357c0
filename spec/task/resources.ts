import { z } from 'zod';
import { type GpuRequest, gpuSchema } from './gpu.js';
import { found } from './problem.js';
import { bound, COUNT, GIGABYTES, type Range, rangeSchema, readRange } from './range.js';
import { expected, type Read, reading, strict } from './words.js';

/** What a node needs of its host, as dstack writes it. A null part is not asked for. */
export interface Resources {
  cpu: CpuRequest | null;
  memoryGigabytes: Range | null;
  gpu: GpuRequest | null;
  diskGigabytes: Range | null;
  shmSizeGigabytes: number | null;
}

export interface CpuRequest {
  architecture: 'x86' | 'arm' | null;
  count: Range;
}

const CPU_WHAT = 'a number of CPUs such as `4`, `2..8` or `arm:4..`';
const SHM_WHAT = 'a size such as `512MB` or `16GB`';

const cpuMap = strict(
  {
    arch: z.enum(['x86', 'arm'], { error: expected('`x86` or `arm`') }).nullish(),
    count: rangeSchema(COUNT).nullish(),
    min: bound.nullish(),
    max: bound.nullish(),
  },
  CPU_WHAT,
);

const cpu = reading(z.union([z.number(), z.string(), cpuMap], { error: expected(CPU_WHAT) }), (value): Read<CpuRequest> => {
  if (typeof value === 'string') return readCpuText(value);
  if (typeof value === 'number') return withCount(null, readRange(value, COUNT), value);
  const architecture = value.arch ?? null;
  if (value.count) return { value: { architecture, count: value.count } };
  const bounds = { min: value.min, max: value.max };
  if (architecture !== null && (bounds.min ?? bounds.max) == null) return { value: { architecture, count: { min: 1, max: null } } };
  return withCount(architecture, readRange(bounds, COUNT), value);
});

const diskMap = strict({ size: rangeSchema(GIGABYTES).nullish(), min: bound.nullish(), max: bound.nullish() }, GIGABYTES.what);

const disk = reading(z.union([z.number(), z.string(), diskMap], { error: expected(GIGABYTES.what) }), (value): Read<Range> => {
  return typeof value === 'object' && value.size ? { value: value.size } : readRange(value, GIGABYTES);
});

const shmSize = reading(z.union([z.number(), z.string()], { error: expected(SHM_WHAT) }), (value): Read<number> => {
  const size = GIGABYTES.read(typeof value === 'string' ? value.replaceAll(' ', '') : value);
  return size === undefined ? { refused: `expected ${SHM_WHAT}, got ${found(value)}` } : { value: size };
});

/** dstack's `resources`, read into numbers. */
export const resourcesSchema = reading(
  strict(
    {
      cpu: cpu.nullish(),
      memory: rangeSchema(GIGABYTES).nullish(),
      gpu: gpuSchema.nullish(),
      disk: disk.nullish(),
      shm_size: shmSize.nullish(),
    },
    'a map with `cpu`, `memory`, `gpu`, `disk` or `shm_size`',
  ),
  (map): Read<Resources> => ({
    value: {
      cpu: map.cpu ?? null,
      memoryGigabytes: map.memory ?? null,
      gpu: map.gpu ?? null,
      diskGigabytes: map.disk ?? null,
      shmSizeGigabytes: map.shm_size ?? null,
    },
  }),
);

function readCpuText(text: string): Read<CpuRequest> {
  const match = /^(?:(x86|arm):)?([\d. ]+)$/i.exec(text);
  const architecture = match?.[1] === undefined ? null : match[1].toLowerCase() === 'arm' ? 'arm' : 'x86';
  return withCount(architecture, readRange(match?.[2] ?? '', COUNT), text);
}

function withCount(architecture: CpuRequest['architecture'], count: Read<Range>, written: unknown): Read<CpuRequest> {
  if ('value' in count) return { value: { architecture, count: count.value } };
  const reversed = count.refused.includes('from the smaller');
  return { refused: reversed ? count.refused : `expected ${CPU_WHAT}, got ${found(written)}` };
}
