import { Command } from 'commander';
import type { HostStatus } from '../../client/index.js';
import { print, printJson, say } from '../print.js';
import { table } from '../table.js';
import { withMuster } from '../with-muster.js';

export function hosts(): Command {
  return new Command('hosts')
    .description('list the hosts of a fleet')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .option('--json', 'one JSON object a line')
    .action(({ fleet, json }: { fleet: string; json?: true }) =>
      withMuster(async (muster) => {
        const known = await muster.hosts(fleet);
        if (json) return known.forEach(printJson);
        if (known.length === 0) return say(`The fleet ${fleet} has no hosts; \`muster host\` makes this machine one`);
        for (const line of table(['HOST', 'ADDRESS', 'STATE', 'RUN', 'CPUS', 'MEMORY', 'GPUS', 'LABELS'], known.map(cells))) print(line);
        for (const { host, problem } of known) if (problem !== '') say(`${host} is not used: ${problem}`);
      }),
    );
}

function cells({ host, address, state, drained, leaving, lease, cpus, memoryMb, gpus, gpuModel, labels }: HostStatus): string[] {
  const also = [drained && state !== 'drained' ? 'drained' : '', leaving && state !== 'leaving' ? 'leaving' : ''];
  const how = [state, ...also.filter(Boolean)].join(', ');
  const cards = gpuModel === null ? String(gpus) : `${gpus} × ${gpuModel}`;
  const shown = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [host, address, how, lease?.handle ?? '-', String(cpus), `${(memoryMb / 1_024).toFixed(1)} GiB`, cards, shown.join(' ') || '-'];
}
