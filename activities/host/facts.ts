import { cpus, totalmem } from 'node:os';
import { readGpus } from './gpus.js';

/** What a machine has; `gpuModel` and `gpuMemoryMb` (of each GPU) are null without GPUs and where they are not known. */
export interface MachineFacts {
  cpus: number;
  memoryMb: number;
  gpus: number;
  gpuModel: string | null;
  gpuMemoryMb: number | null;
}

/** CPUs, memory and GPUs of this machine. A driver that is missing, fails or hangs counts as no GPU. */
export async function readFacts(gpuLimitMs?: number): Promise<MachineFacts> {
  const { gpus, model, memoryMb } = await readGpus(gpuLimitMs);
  return { cpus: cpus().length, memoryMb: Math.floor(totalmem() / 2 ** 20), gpus, gpuModel: model, gpuMemoryMb: memoryMb };
}
