import { spawn } from 'node:child_process';
import { type Gpu, parseAmdSmi, parseNvidia, parseRocmSmi } from './gpu-output.js';

/** The GPUs of this machine. */
export interface GpuFacts {
  gpus: number;
  /** With the vendor in front. Different models are joined by ` + `; null where one is unknown or there are more than three. */
  model: string | null;
  /** Of each GPU; the least where they differ, null where one does not say. */
  memoryMb: number | null;
  vendor: 'nvidia' | 'amd' | null;
}

/** A driver that hangs must not hold up the agent; a driver that is not kept loaded takes about a second a GPU to answer. */
export const GPU_LIMIT_MS = 10_000;

/**
 * Asks `nvidia-smi`, else `amd-smi`, else `rocm-smi`. None where the tool is missing, fails, prints something else or has not answered
 * within the limit, at which it is killed with its children. Never rejects.
 */
export async function readGpus(limitMs = GPU_LIMIT_MS): Promise<GpuFacts> {
  const deadline = AbortSignal.timeout(limitMs);
  const [nvidia, amd] = await Promise.all([readNvidia(deadline), readAmd(deadline)]);
  return nvidia.length > 0 ? summarise(nvidia, 'nvidia') : summarise(withoutIntegrated(amd), amd.length > 0 ? 'amd' : null);
}

/** What is said of several GPUs together. */
export function summarise(gpus: readonly Gpu[], vendor: GpuFacts['vendor']): GpuFacts {
  const models = [...new Set(gpus.map(({ model }) => model))].sort();
  const memories = gpus.map(({ memoryMb }) => memoryMb);
  const named = models.length > 0 && models.length <= 3 && !models.includes(null);
  const known = memories.flatMap((memory) => memory ?? []);
  return {
    gpus: gpus.length,
    model: named ? models.join(' + ') : null,
    memoryMb: gpus.length > 0 && known.length === gpus.length ? Math.min(...known) : null,
    vendor,
  };
}

/** A processor's own graphics beside real cards is not what a program asks for. */
export function withoutIntegrated(gpus: readonly Gpu[]): Gpu[] {
  const small = ({ memoryMb }: Gpu) => memoryMb !== null && memoryMb < 2_048;
  const real = gpus.some(({ memoryMb }) => (memoryMb ?? 0) >= 4_096);
  return gpus.filter((gpu) => !(real && small(gpu)));
}

async function readNvidia(deadline: AbortSignal): Promise<Gpu[]> {
  const query = (fields: string) => said('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'], deadline);
  const [list, rows] = await Promise.all([said('nvidia-smi', ['-L'], deadline), query('name,memory.total,mig.mode.current')]);
  const gpus = parseNvidia(list, rows);
  // Drivers before MIG refuse the whole question for a field that they do not know.
  const refused = gpus.length > 0 && gpus.every(({ memoryMb }) => memoryMb === null);
  return refused ? parseNvidia(list, await query('name,memory.total')) : gpus;
}

async function readAmd(deadline: AbortSignal): Promise<Gpu[]> {
  const gpus = parseAmdSmi(await said('amd-smi', ['static', '--asic', '--vram', '--json'], deadline));
  return gpus.length > 0 ? gpus : parseRocmSmi(await said('rocm-smi', ['--showproductname', '--showmeminfo', 'vram', '--json'], deadline));
}

/** What a tool prints on stdout, whatever its exit code; empty where it cannot be started or is not done at the deadline. */
function said(command: string, args: string[], deadline: AbortSignal): Promise<string> {
  if (deadline.aborted) return Promise.resolve('');
  return new Promise((resolve) => {
    // In a group of its own: the tool may be a script, whose children would hold the pipe.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    let text = '';
    const end = (answer: string) => {
      deadline.removeEventListener('abort', giveUp);
      resolve(answer);
    };
    // Not waited for: a process that hangs in its driver does not die of SIGKILL either.
    const giveUp = () => {
      killGroup(child.pid);
      child.stdout.destroy();
      child.unref();
      end('');
    };
    deadline.addEventListener('abort', giveUp);
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      if (text.length < MOST_OUTPUT) text += data;
    });
    child.once('error', () => end(''));
    child.once('close', () => end(text));
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

const MOST_OUTPUT = 2 ** 20;
