import { parseArgs } from 'node:util';
import { benchOutput } from './output.js';
import { Slurm } from './peers/slurm.js';
import { benchStart } from './start.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '3,30,100' },
    repetitions: { type: 'string', default: '7' },
    slurm: { type: 'boolean', default: false },
    separate: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rate: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '60' },
  },
});
if (positionals[0] === 'output') {
  const plan = { nodes: Number(values.nodes.split(',')[0]), megabytesPerSecond: Number.parseFloat(values.rate), seconds: Number(values.seconds) };
  for (const sample of await benchOutput(plan)) process.stdout.write(`${JSON.stringify(sample)}\n`);
  process.exit(0);
}
if (positionals[0] !== 'start') {
  process.stderr.write(
    'usage: npm run bench -- start [--nodes 3,30,100] [--repetitions 7] [--slurm] [--separate] [--json]\n  --slurm     in turn with Slurm\n  --separate  each agent a process of its own\n       npm run bench -- output [--nodes 5] [--rate 10] [--seconds 60]\n  --rate      megabytes a second that each node writes\n',
  );
  process.exit(2);
}
for (const nodes of values.nodes.split(',').map(Number)) {
  const ours: object[] = [];
  const theirs: object[] = [];
  const slurm = values.slurm ? new Slurm(nodes) : undefined;
  const keep = (samples: object[], sample: object) => {
    samples.push(sample);
    if (values.json) process.stdout.write(`${JSON.stringify(sample)}\n`);
  };
  await slurm?.once();
  await benchStart(nodes, { repetitions: Number(values.repetitions), separate: values.separate }, async (sample) => {
    keep(ours, sample);
    if (slurm) keep(theirs, await slurm.once());
  });
  await slurm?.stop();
  if (!values.json) for (const samples of [ours, theirs]) if (samples.length > 0) process.stdout.write(`${summary(samples)}\n`);
}
process.exit(0);

function summary(samples: object[]): string {
  const rows = samples.map((sample) => sample as Record<string, number>);
  const median = (key: string) => rows.map((row) => row[key] ?? 0).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
  const keys = Object.keys(rows[0] ?? {}).filter((key) => key !== 'peer');
  return `${'peer' in (samples[0] ?? {}) ? 'Slurm' : 'Muster'}, median of ${rows.length}: ${keys.map((key) => `${key}=${median(key)}`).join(' ')}`;
}
