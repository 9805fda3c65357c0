import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../../test/bench/peers/slurm.sh', import.meta.url));

/** What Slurm needs for the same, on the same machine. Times are milliseconds from the call of `srun`. */
export interface SlurmSample {
  peer: 'slurm';
  nodes: number;
  submit_to_all_started_ms: number;
  skew_ms: number;
}

/** A Slurm of so many nodes that waits beside us, so that both can be measured in turn. Idle it takes no time of ours. */
export class Slurm {
  readonly #child;
  readonly #lines;

  constructor(nodes: number) {
    this.#child = spawn('bash', [SCRIPT, String(nodes)], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async once(): Promise<SlurmSample> {
    this.#child.stdin.write('\n');
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('Slurm did not start; see the head of test/bench/peers/slurm.sh for what it needs');
    return JSON.parse(value) as SlurmSample;
  }

  /** Ends its daemons. */
  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await gone;
  }
}
