import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { controlQueue } from '../../spec/ids.js';
import type { RunStatus } from '../../spec/nodes.js';
import { readLines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';
import type { BenchStack } from './stack.js';

const START_LIMIT_MS = 60_000;

/** One start of a program, as the program itself wrote it down. */
export interface Start {
  generation: number;
  rank: number;
  host: string;
  startNumber: number;
  pid: number;
  atMs: number;
}

/** A run whose programs say when they start, and then do what `program` says. */
export class Gang {
  readonly handle = `bench-${randomUUID()}`;
  runId = '';

  private constructor(
    readonly stack: Pick<BenchStack, 'client' | 'dir'>,
    readonly nodes: number,
  ) {}

  /** Resolves when all run, and the run says so. `range`: in place of their number, for the task. `program`: a line of sh. */
  static async start(
    stack: Pick<BenchStack, 'client' | 'dir'>,
    { range, ...task }: { nodes: number; range?: string } & Record<string, unknown>,
    program = 'exec sleep 100000',
  ): Promise<Gang> {
    const gang = new Gang(stack, task.nodes);
    const say = `echo "$MUSTER_GENERATION $DSTACK_NODE_RANK $MUSTER_HOST $MUSTER_START_NUMBER $$ $(date +%s%N)" >> ${gang.#file}`;
    const args = [{ name: 'bench', shell: 'sh', stop_duration: 10, ...task, nodes: range ?? task.nodes, commands: [`${say}; ${program}`] }];
    await stack.client.workflow.start('musterRun', { workflowId: gang.handle, taskQueue: controlQueue('default'), args });
    gang.runId = (await untilPhase(stack.client, gang.handle, 'running', START_LIMIT_MS)).runId;
    await gang.untilStarted(1);
    return gang;
  }

  get #file(): string {
    return join(this.stack.dir, `${this.handle}-starts`);
  }

  starts(): Start[] {
    return readLines(this.#file).map((line) => {
      const [generation, rank, host = '', startNumber, pid, nanoseconds] = line.split(' ');
      return { generation: Number(generation), rank: Number(rank), host, startNumber: Number(startNumber), pid: Number(pid), atMs: Number(nanoseconds) / 1e6 };
    });
  }

  /** Resolves with the programs of the generation, once so many of its nodes have started. */
  untilStarted(generation: number, limitMs = START_LIMIT_MS): Promise<Start[]> {
    return until(
      () => this.starts().filter((start) => start.generation === generation),
      (found) => found.length >= this.nodes,
      limitMs,
    );
  }

  status(): Promise<RunStatus> {
    return statusOf(this.stack.client, this.handle);
  }

  processes(): number[] {
    return processesOf(this.runId);
  }

  /** Ends the run, and waits until nothing of it is left. */
  async cancel(): Promise<void> {
    await this.stack.client.workflow.getHandle(this.handle).cancel();
    await untilPhase(this.stack.client, this.handle, 'cancelled');
    await untilNothingLeft(this.runId);
  }
}
