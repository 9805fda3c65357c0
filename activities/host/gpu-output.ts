/** One device that a program could use: a GPU, or a slice of one (MIG). */
export interface Gpu {
  /** With the vendor in front: `NVIDIA A100-SXM4-80GB`. Null where the tool does not know. */
  model: string | null;
  /** Null where the tool does not say, as where a GPU shares the host's memory. */
  memoryMb: number | null;
}

/**
 * The devices from what `nvidia-smi -L` and `nvidia-smi --query-gpu=name,memory.total,mig.mode.current --format=csv,noheader,nounits` print,
 * each of which may be empty or an error. A GPU that is cut up (MIG) counts as its slices: it cannot be used itself.
 */
export function parseNvidia(list: string, query: string): Gpu[] {
  const rows = query.split('\n').flatMap(nvidiaRow);
  const listed = nvidiaList(list);
  if (listed.length === 0) return rows.filter(({ cutUp }) => !cutUp).map(({ name, memoryMb }) => ({ model: withVendor('NVIDIA', name), memoryMb }));
  return listed.flatMap(({ name, slices }, i): Gpu[] => {
    const row = rows.length === listed.length ? rows[i] : undefined;
    const whole = { model: withVendor('NVIDIA', name), memoryMb: row?.memoryMb ?? null };
    if (slices.length > 0) return slices.map((profile) => ({ model: `${whole.model} MIG ${profile}`, memoryMb: sliceMemory(profile) }));
    return row?.cutUp ? [] : [whole];
  });
}

// Errors go to stdout too, and a field that the driver does not know is in brackets: [N/A], [Not Supported], [Insufficient Permissions].
function nvidiaRow(line: string): { name: string; memoryMb: number | null; cutUp: boolean }[] {
  const [name = '', memory = '', mig = ''] = line.split(',').map((field) => field.trim());
  const number = /^(\d+)(?: MiB)?$/.exec(memory)?.[1];
  if (name === '' || (number === undefined && !/^(\[.*\]|N\/A)$/.test(memory))) return [];
  return [{ name, memoryMb: number === undefined ? null : Number(number), cutUp: mig === 'Enabled' }];
}

function nvidiaList(text: string): { name: string; slices: string[] }[] {
  const gpus: { name: string; slices: string[] }[] = [];
  for (const line of text.split('\n')) {
    const name = /^GPU \d+: (.+?) \(UUID: /.exec(line)?.[1];
    if (name !== undefined) gpus.push({ name, slices: [] });
    const profile = /^\s+MIG (\S+)\s+Device\s+\d+:/.exec(line)?.[1];
    if (profile !== undefined) gpus.at(-1)?.slices.push(profile);
  }
  return gpus;
}

/** Of a profile such as `1g.10gb+me` or `1c.3g.20gb`. */
function sliceMemory(profile: string): number | null {
  const gigabytes = /\.(\d+)gb/.exec(profile)?.[1];
  return gigabytes === undefined ? null : Number(gigabytes) * 1_024;
}

/** The devices from what `amd-smi static --asic --vram --json` prints: a list, or since ROCm 7 a map with the list as `gpu_data`. */
export function parseAmdSmi(text: string): Gpu[] {
  const said = findJson(text);
  const items = Array.isArray(said) ? said : at(said, 'gpu_data');
  if (!Array.isArray(items)) return [];
  return items
    .filter((item) => at(item, 'gpu') !== undefined)
    .map((item) => {
      const vram = at(item, 'vram');
      const size = at(vram, 'size') ?? at(vram, 'vram_size') ?? at(vram, 'vram_size_mb');
      return { model: amdName(at(at(item, 'asic'), 'market_name')), memoryMb: amdMemory(size) };
    });
}

/** The devices from what `rocm-smi --showproductname --showmeminfo vram --json` prints: a map by card. The case of its keys varies. */
export function parseRocmSmi(text: string): Gpu[] {
  const said = findJson(text);
  if (typeof said !== 'object' || said === null) return [];
  return Object.entries(said)
    .filter(([key]) => /^card\d+$/.test(key))
    .map(([, card]) => {
      const bytes = Number(at(card, 'VRAM Total Memory (B)'));
      return {
        model: amdName(at(card, 'Card Series')) ?? amdName(at(card, 'Card Model')),
        memoryMb: Number.isFinite(bytes) && bytes > 0 ? Math.floor(bytes / 2 ** 20) : null,
      };
    });
}

/** `196592`, `"196592 MB"`, or `{value: 196592, unit: "MB"}`. */
function amdMemory(size: unknown): number | null {
  const text = typeof size === 'object' ? `${at(size, 'value')} ${at(size, 'unit') ?? 'MB'}` : String(size ?? '');
  const [, number, unit = 'MB'] = /^(\d+(?:\.\d+)?) ?([MG]B)?$/.exec(text) ?? [];
  return number === undefined ? null : Math.floor(Number(number) * (unit === 'GB' ? 1_024 : 1));
}

// A card that the tool does not know by name shows its number.
function amdName(name: unknown): string | null {
  return typeof name === 'string' && name.trim() !== '' && !/^(N\/A|0x[0-9a-f]+)$/i.test(name.trim()) ? withVendor('AMD', name) : null;
}

function withVendor(vendor: string, name: string): string {
  const tidy = name.replace(/\s+/g, ' ').trim().slice(0, LONGEST_NAME);
  return new RegExp(`\\b${vendor}\\b`, 'i').test(tidy) ? tidy : `${vendor} ${tidy}`;
}

const LONGEST_NAME = 60;

/** A value of a map, whatever the case of its key. */
function at(map: unknown, key: string): unknown {
  if (typeof map !== 'object' || map === null) return undefined;
  return Object.entries(map).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

/** These tools print warnings before and after their JSON, which may have brackets too. */
function findJson(text: string): unknown {
  const starts = [...text.matchAll(/^[[{]/gm)].map(({ index }) => index);
  const ends = [...text.matchAll(/[\]}]\s*$/gm)].map(({ index }) => index + 1).reverse();
  for (const start of starts.slice(0, MOST_TRIES)) {
    for (const end of ends.slice(0, MOST_TRIES)) {
      try {
        return JSON.parse(text.slice(start, end));
      } catch {
        // This pair does not enclose it.
      }
    }
  }
  return undefined;
}

const MOST_TRIES = 5;
