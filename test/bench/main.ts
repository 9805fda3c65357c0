import { parseArgs } from 'node:util';
import { benchStart, type StartSample } from './start.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '3,30,100' },
    repetitions: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
if (positionals[0] !== 'start') {
  process.stderr.write('usage: npm run bench -- start [--nodes 3,30,100] [--repetitions 7] [--json]\n');
  process.exit(2);
}
for (const nodes of values.nodes.split(',').map(Number)) {
  const samples: StartSample[] = [];
  await benchStart(nodes, Number(values.repetitions), (sample) => {
    samples.push(sample);
    if (values.json) process.stdout.write(`${JSON.stringify(sample)}\n`);
  });
  if (!values.json) process.stdout.write(`${summary(samples)}\n`);
}
process.exit(0);

function summary(samples: StartSample[]): string {
  const median = (key: keyof StartSample) => samples.map((sample) => sample[key]).sort((a, b) => a - b)[Math.floor(samples.length / 2)];
  const keys = Object.keys(samples[0] ?? {}) as (keyof StartSample)[];
  return `median of ${samples.length}: ${keys.map((key) => `${key}=${median(key)}`).join(' ')}`;
}
