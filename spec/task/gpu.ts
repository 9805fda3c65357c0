import { z } from 'zod';
import { found } from './problem.js';
import { COUNT, GIGABYTES, type Range, rangeSchema, readRange } from './range.js';
import { expected, type Read, reading, strict } from './words.js';

/** The GPUs that a node needs; any of `names` will do. */
export interface GpuRequest {
  vendor: string | null;
  names: string[] | null;
  count: Range;
  /** memoryGigabytes: of each GPU. */
  memoryGigabytes: Range | null;
  totalMemoryGigabytes: Range | null;
  /** computeCapability: the least, as `8.0`. */
  computeCapability: string | null;
}

const VENDORS: ReadonlyMap<string, string> = new Map([
  ['nvidia', 'nvidia'],
  ['amd', 'amd'],
  ['intel', 'intel'],
  ['google', 'google'],
  ['tpu', 'google'],
  ['tenstorrent', 'tenstorrent'],
]);
const WHAT = 'GPUs such as `2`, `24GB`, `A100:2` or `{name, count, memory}`';
const ANY_GPU: GpuRequest = {
  vendor: null,
  names: null,
  count: { min: 1, max: null },
  memoryGigabytes: null,
  totalMemoryGigabytes: null,
  computeCapability: null,
};

const name = z.string({ error: expected('the name of a GPU such as `A100`') }).min(1);
const vendorSchema = reading(z.string({ error: expected('a vendor') }), (text): Read<string> => {
  const vendor = VENDORS.get(text.toLowerCase());
  return vendor === undefined ? { refused: `expected one of ${[...VENDORS.keys()].join(', ')}, got ${found(text)}` } : { value: vendor };
});
const capabilitySchema = reading(z.union([z.number(), z.string()], { error: expected('a version such as `8.0`') }), (value) => {
  const text = typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : String(value);
  return /^\d{1,3}\.\d{1,3}$/.test(text) ? { value: text } : { refused: `expected a version such as \`8.0\`, got ${found(value)}` };
});

const gpuMap = strict(
  {
    vendor: vendorSchema.nullish(),
    name: z.union([name, z.array(name).min(1)], { error: expected('the name of a GPU or a list of names') }).nullish(),
    count: rangeSchema(COUNT).nullish(),
    memory: rangeSchema(GIGABYTES).nullish(),
    total_memory: rangeSchema(GIGABYTES).nullish(),
    compute_capability: capabilitySchema.nullish(),
  },
  WHAT,
);

/** `2`, `24GB`, `A100:2`, `nvidia:A100,H100:80GB:2..` in any order, or a map. Without a count, at least one. */
export const gpuSchema = reading(z.union([z.number(), z.string(), gpuMap], { error: expected(WHAT) }), (value): Read<GpuRequest> => {
  if (typeof value !== 'object') return readGpuText(String(value));
  const names = typeof value.name === 'string' ? [value.name] : (value.name ?? null);
  return {
    value: {
      vendor: value.vendor ?? null,
      names,
      count: value.count ?? ANY_GPU.count,
      memoryGigabytes: value.memory ?? null,
      totalMemoryGigabytes: value.total_memory ?? null,
      computeCapability: value.compute_capability ?? null,
    },
  };
});

function readGpuText(text: string): Read<GpuRequest> {
  const given: Partial<GpuRequest> = {};
  for (const token of text.replaceAll(' ', '').split(':')) {
    const part = readToken(token);
    if (part === undefined) return { refused: `expected ${WHAT}, got ${found(text)}` };
    const twice = Object.keys(part).find((key) => Object.hasOwn(given, key));
    if (twice !== undefined) return { refused: `expected one ${TOKEN_NAMES[twice] ?? twice}, got several in ${found(text)}` };
    Object.assign(given, part);
  }
  return { value: { ...ANY_GPU, ...given } };
}

const TOKEN_NAMES: Readonly<Record<string, string>> = { names: 'name', memoryGigabytes: 'memory size' };

// dstack's rule: a vendor by its name; a name begins with a letter; a memory size has a unit; what is left is the count.
function readToken(token: string): Partial<GpuRequest> | undefined {
  const vendor = VENDORS.get(token.toLowerCase());
  if (vendor !== undefined) return { vendor };
  if (/^[a-z]/i.test(token)) {
    const names = token.split(',');
    return names.includes('') ? undefined : { names };
  }
  const sized = /[a-z]/i.test(token);
  const range = readRange(token, sized ? GIGABYTES : COUNT);
  if ('refused' in range) return undefined;
  return sized ? { memoryGigabytes: range.value } : { count: range.value };
}
