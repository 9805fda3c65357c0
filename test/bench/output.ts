import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Runs } from '../../client/runs.js';
import { startBenchStack } from './stack.js';

export interface OutputPlan {
  nodes: number;
  megabytesPerSecond: number;
  seconds: number;
}

/**
 * Programs that write at a rate, first with nobody who follows, then with one: how long they took, and their longest single write; what
 * their output takes on disk; what the server and the agents took of a processor, and an agent of memory; what the follower got.
 */
export async function benchOutput({ nodes, megabytesPerSecond, seconds }: OutputPlan): Promise<object[]> {
  const stack = await startBenchStack({ nodes, agents: 'apart', database: 'memory' });
  const runs = new Runs(stack.client);
  const samples: object[] = [];
  for (const follower of [false, true]) {
    const out = join(stack.dir, `written-${follower}-`);
    const writer = `const block = (("x".repeat(99) + "\\n").repeat(10486)).slice(0, 1048576);
      const since = Date.now(); let longest = 0; let written = 0; const total = ${megabytesPerSecond * seconds};
      const tick = setInterval(() => { while (written < total && written < (Date.now() - since) / 1000 * ${megabytesPerSecond}) {
        const before = performance.now(); require("fs").writeSync(1, block); longest = Math.max(longest, performance.now() - before); written++; }
        if (written >= total) { clearInterval(tick); require("fs").writeFileSync("${out}" + process.env.DSTACK_NODE_RANK, JSON.stringify({ ms: Date.now() - since, longest })); } }, 20);`;
    const run = await runs.start({ nodes, commands: [`exec ${process.execPath} -e '${writer}'`] });
    const server = stack.server.pid;
    const agents = stack.hosts.map(({ agent }) => agent.pid);
    const before = { server: cpuSeconds(server), agents: agents.map(cpuSeconds) };
    const got = follower ? follow(stack.address, run.handle) : undefined;
    const { runId } = await run.wait();
    const follows = await got;
    const written = Array.from({ length: nodes }, (_, rank) => JSON.parse(readFileSync(`${out}${rank}`, 'utf8')) as { ms: number; longest: number });
    const disk = Array.from({ length: nodes }, (_, i) => statSync(join(stack.dir, `host-${i + 1}`, 'runs', runId, 'starts', '1', 'output')).blocks * 512);
    samples.push({
      ...{ nodes, megabytes_per_second: megabytesPerSecond, seconds, follower },
      median_writer_ms: written.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(nodes / 2)],
      slowest_writer_ms: Math.max(...written.map(({ ms }) => ms)),
      longest_write_ms: Math.round(Math.max(...written.map(({ longest }) => longest))),
      largest_output_on_disk_mb: Math.round(Math.max(...disk) / 2 ** 20),
      server_cpu_s: round(cpuSeconds(server) - before.server),
      busiest_agent_cpu_s: round(Math.max(...agents.map((pid, i) => cpuSeconds(pid) - (before.agents[i] ?? 0)))),
      largest_agent_peak_mb: Math.round(Math.max(...agents.map(peakBytes)) / 2 ** 20),
      ...follows,
    });
  }
  await stack.stop();
  return samples;
}

/** Of the process alone, its children left out. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function peakBytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

/** `muster logs -f` to its end. */
async function follow(address: string, handle: string): Promise<{ shown_mb: number; not_shown_mb: number; follower_ended_after_ms: number }> {
  const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, 'logs', '--follow', '--json', handle], {
    env: { ...process.env, MUSTER_SERVER: address },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const since = Date.now();
  let shown = 0;
  let skipped = 0;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const event = JSON.parse(text) as { event: string; line?: string; bytes?: number };
      if (event.event === 'skipped') skipped += event.bytes ?? 0;
      else shown += (event.line?.length ?? 0) + 1;
    }
  });
  await new Promise((resolve) => child.once('close', resolve));
  return { shown_mb: Math.round(shown / 2 ** 20), not_shown_mb: Math.round(skipped / 2 ** 20), follower_ended_after_ms: Date.now() - since };
}
