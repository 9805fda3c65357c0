import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { CONTROL, NetworkedMachines } from '../helpers/networked-machines.js';
import { onLan } from '../helpers/stations.js';
import type { FaultKind } from './evidence.js';
import { isGone, type Stack } from './stack.js';

const KINDS: readonly FaultKind[] = [
  ...(['agent-kill', 'agent-freeze', 'program-kill', 'program-freeze', 'shim-kill', 'data-loss', 'temporal-cut', 'link-cut', 'link-block'] as const),
  ...(['terminate', 'cancel', 'reset', 'stop', 'rescale', 'cell-terminate', 'fleet-terminate', 'stale-signal', 'late-activity', 'drain'] as const),
];

/** Machines in network namespaces of their own, with cables that can be cut. Their server keeps nothing when it is killed, so it is left alone. */
export async function startNetworkedStack(hosts: number): Promise<Stack> {
  const machines = await NetworkedMachines.start();
  const names = Array.from({ length: hosts }, (_, i) => `host-${i + 1}`);
  await machines.addHosts(names.map((name, i) => onLan(name, i + 1)));
  const refuse = (): never => {
    throw new Error('this stack leaves its control worker alone');
  };
  return {
    ...{ client: machines.client, dir: machines.dir, hosts: names, kinds: KINDS },
    agent: (host) => machines.agent(host),
    killAgent: (host) => machines.killAgent(host),
    async startAgent(host) {
      await untilStarted(machines, host);
    },
    dataDir: (host) => join(machines.dir, host),
    control: (): ChildProcess => refuse(),
    killControl: async () => refuse(),
    startControl: refuse,
    cutTemporal: (host) => machines.faults.cutFrom(host, CONTROL),
    links: { cut: (host) => machines.faults.cut(host), block: (from, to) => machines.faults.block(from, to) },
    async mend() {
      await machines.faults.healAll();
      for (const name of names) machines.agent(name).kill('SIGCONT');
      await Promise.all(names.filter((name) => isGone(machines.agent(name))).map((name) => untilStarted(machines, name)));
    },
    crashes: () => [],
    stop: () => machines.stop(),
  };
}

/** A cut host cannot announce itself: whatever looks after agents tries again. */
async function untilStarted(machines: NetworkedMachines, host: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await machines.startAgent(host);
      return;
    } catch (error) {
      if (tries === 3) throw error;
      await machines.killAgent(host);
    }
  }
}
