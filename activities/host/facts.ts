import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** A driver that hangs must not hold up the agent. */
const GPU_LIMIT_MS = 2_000;

/** CPUs, memory and GPUs of this machine. GPUs are counted by `nvidia-smi -L`; 0 where it is missing, fails or hangs. */
export async function readFacts(): Promise<{ cpus: number; memoryMb: number; gpus: number }> {
  return { cpus: cpus().length, memoryMb: Math.floor(totalmem() / 2 ** 20), gpus: await countGpus() };
}

async function countGpus(): Promise<number> {
  try {
    const { stdout } = await run('nvidia-smi', ['-L'], { timeout: GPU_LIMIT_MS, killSignal: 'SIGKILL' });
    return stdout.split('\n').filter((line) => line.startsWith('GPU ')).length;
  } catch {
    return 0;
  }
}
