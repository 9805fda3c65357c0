import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { readFacts } from '../../../activities/host/facts.js';
import { parseAmdSmi, parseNvidia, parseRocmSmi } from '../../../activities/host/gpu-output.js';
import { readGpus, summarise, withoutIntegrated } from '../../../activities/host/gpus.js';
import { until } from '../../helpers/until.js';
import * as printed from './gpu-outputs.js';

const short = (gpus: { model: string | null; memoryMb: number | null }[]) => gpus.map(({ model, memoryMb }) => `${model} ${memoryMb}`);

test.each<[string, string, string, string[]]>([
  ['two GPUs', printed.A100_LIST, printed.A100_ROWS, ['NVIDIA A100-SXM4-80GB 81920', 'NVIDIA A100-SXM4-80GB 81920']],
  ['rows with units', printed.V100_LIST, 'Tesla V100-SXM2-16GB, 16160 MiB\n', ['NVIDIA Tesla V100-SXM2-16GB 16160']],
  [
    'slices in place of the GPU that is cut up',
    printed.SLICED_LIST,
    printed.SLICED_ROWS,
    ['NVIDIA A100-SXM4-80GB MIG 1g.20gb 20480', 'NVIDIA A100-SXM4-80GB MIG 1g.20gb 20480', 'NVIDIA A100-SXM4-80GB 81920'],
  ],
  [
    'slices as older drivers list them',
    printed.OLD_SLICED_LIST,
    'A100-SXM4-40GB, [Insufficient Permissions], [N/A]\n',
    ['NVIDIA A100-SXM4-40GB MIG 3g.20gb 20480', 'NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb 20480', 'NVIDIA A100-SXM4-40GB MIG 1g.5gb+me 5120'],
  ],
  ['nothing of a GPU that is to be cut up and is not yet', printed.V100_LIST, 'Tesla V100-SXM2-16GB, 16160, Enabled\n', []],
  ['no memory where the driver does not know it', printed.GB10_LIST, 'NVIDIA GB10, [N/A], [N/A]\n', ['NVIDIA GB10 null']],
  ['no memory where the question was refused', printed.V100_LIST, printed.UNKNOWN_FIELD, ['NVIDIA Tesla V100-SXM2-16GB null']],
  ['the rows where there is no list', '', printed.A100_ROWS, ['NVIDIA A100-SXM4-80GB 81920', 'NVIDIA A100-SXM4-80GB 81920']],
  ['those that still answer', printed.ONE_LOST, 'NVIDIA A100-SXM4-80GB, 81920, Disabled\n', ['NVIDIA A100-SXM4-80GB 81920']],
  ['no memory where one GPU was lost between the two questions', printed.ONE_LOST, printed.A100_ROWS, ['NVIDIA A100-SXM4-80GB null']],
  ['none without devices', printed.NO_DEVICES, printed.NO_DEVICES, []],
  ['none without a driver', printed.NO_DRIVER, printed.NO_DRIVER, []],
  ['none with the wrong driver', printed.MISMATCH, printed.MISMATCH, []],
  ['none of what is not its output', 'GPU\nGPU 0\n  MIG 1g.5gb Device 0: (UUID: x)', 'a, b, c\n,,\n\u0000', []],
])('nvidia-smi: %s', (_, list, rows, expected) => {
  expect(short(parseNvidia(list, rows))).toEqual(expected);
});

test.each<[string, string, string[]]>([
  ['a list', printed.AMD_6, ['AMD Instinct MI300X 196592', 'AMD Instinct MI300X 196592']],
  ['a list in a map, with a warning behind', printed.AMD_7, ['AMD Radeon RX 7900 XTX 24560']],
  ['sizes as text, names that are missing, processors', printed.AMD_TEXT_SIZES, ['null null', 'AMD Instinct MI210 65536']],
  ['nothing', '', []],
  ['what is not its output', '[1, null, "x"]', []],
])('amd-smi: %s', (_, text, expected) => {
  expect(short(parseAmdSmi(text))).toEqual(expected);
});

test.each<[string, string, string[]]>([
  ['of one line', printed.ROCM_OLD, ['Arcturus GL-XL [AMD Instinct MI100] 32752']],
  ['of many lines, behind a warning', printed.ROCM_NEW, ['AMD Navi 21 [Radeon RX 6800/6800 XT / 6900 XT] 16368', 'AMD Raphael 64']],
  ['without names', printed.ROCM_NAMELESS, ['null null']],
  ['without GPUs', printed.ROCM_NONE, []],
  ['that is not its output', '{"card0": 3, "card": {}}', ['null null']],
])('rocm-smi: output %s', (_, text, expected) => {
  expect(short(parseRocmSmi(text))).toEqual(expected);
});

test('no text makes a parser throw', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.constantFrom(...Object.values(printed)).chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
  );
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      parseNvidia(a, b);
      parseAmdSmi(a);
      parseRocmSmi(a);
    }),
    { numRuns: 500 },
  );
});

describe('several GPUs together', () => {
  const gpu = (model: string | null, memoryMb: number | null) => ({ model, memoryMb });
  it.each([
    ['of one model', [gpu('NVIDIA L4', 23_034), gpu('NVIDIA L4', 23_034)], { gpus: 2, model: 'NVIDIA L4', memoryMb: 23_034 }],
    ['of two models have both names and the lesser memory', [gpu('B', 80), gpu('A', 4)], { gpus: 2, model: 'A + B', memoryMb: 4 }],
    ['of which one is unknown have no name', [gpu('A', 4), gpu(null, null)], { gpus: 2, model: null, memoryMb: null }],
    ['of four models have no name', [gpu('A', 1), gpu('B', 1), gpu('C', 1), gpu('D', 1)], { gpus: 4, model: null, memoryMb: 1 }],
    ['that are none', [], { gpus: 0, model: null, memoryMb: null }],
  ])('%s', (_, gpus, expected) => {
    expect(summarise(gpus, null)).toMatchObject(expected);
  });

  it("leave out a processor's own graphics beside a real card, and keep it alone", () => {
    const [card, own] = [gpu('card', 16_368), gpu('own', 512)];
    expect([withoutIntegrated([card, own]), withoutIntegrated([own]), withoutIntegrated([card, gpu('?', null)]).length]).toEqual([[card], [own], 2]);
  });
});

describe('with tools on PATH', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'muster-gpus-'));
    vi.stubEnv('PATH', `${directory}:/usr/bin:/bin`);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });
  const tool = (name: string, script: string) => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  const print = (text: string) => `cat <<'END'\n${text}END`;

  it('reads the facts of a host with NVIDIA GPUs', async () => {
    tool('nvidia-smi', `case $1 in -L) ${print(printed.A100_LIST)}\n;; *) ${print(printed.A100_ROWS)}\n;; esac`);
    expect(await readFacts()).toMatchObject({ gpus: 2, gpuModel: 'NVIDIA A100-SXM4-80GB', gpuMemoryMb: 81_920 });
  });

  it('asks a driver that knows no MIG again without it', async () => {
    tool(
      'nvidia-smi',
      `case $1 in -L) ${print(printed.V100_LIST)}\n;; *mig*) ${print(printed.UNKNOWN_FIELD)}\nexit 2;; *) echo 'Tesla V100-SXM2-16GB, 16160';; esac`,
    );
    expect(await readGpus()).toEqual({ gpus: 1, model: 'NVIDIA Tesla V100-SXM2-16GB', memoryMb: 16_160, vendor: 'nvidia' });
  });

  it('asks amd-smi, and rocm-smi where that says nothing', async () => {
    tool('rocm-smi', print(printed.ROCM_NEW));
    expect(await readGpus()).toEqual({ gpus: 1, model: 'AMD Navi 21 [Radeon RX 6800/6800 XT / 6900 XT]', memoryMb: 16_368, vendor: 'amd' });
    tool('amd-smi', print(printed.AMD_6));
    expect(await readGpus()).toEqual({ gpus: 2, model: 'AMD Instinct MI300X', memoryMb: 196_592, vendor: 'amd' });
  });

  it('counts none where the tool fails', async () => {
    tool('nvidia-smi', `${print(printed.NO_DRIVER)}\nexit 9`);
    expect(await readGpus()).toEqual({ gpus: 0, model: null, memoryMb: null, vendor: null });
  });

  it('gives up on a tool that hangs, and ends it with its children', async () => {
    const pidFile = join(directory, 'pids');
    tool('nvidia-smi', `sleep 300 & echo "$! $$" >> ${pidFile}; wait`);
    const start = performance.now();
    expect(await readGpus(1_000)).toMatchObject({ gpus: 0, vendor: null });
    expect(performance.now() - start).toBeLessThan(5_000);
    const pids = readFileSync(pidFile, 'utf8').trim().split(/\s+/).map(Number);
    expect(pids).toHaveLength(4);
    await until(
      () => pids.filter(isAlive),
      (alive) => alive.length === 0,
    );
  });
});

/** A zombie has no memory any more, and is gone as soon as its parent looks. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
