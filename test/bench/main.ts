import { parseArgs } from 'node:util';
import { benchGenerations } from './generations.js';
import { benchLoss } from './loss.js';
import { medians, type Sample } from './medians.js';
import { benchOutage } from './outage.js';
import { benchOutput } from './output.js';
import { Slurm } from './peers/slurm.js';
import { benchPolicies } from './policies.js';
import { benchResize } from './resize.js';
import { benchRestart } from './restart.js';
import { benchStart } from './start.js';
import { benchUpgrade } from './upgrade.js';

const USAGE = `usage: npm run bench -- NAME [--json]
  start    [--nodes 3,30,100] [--repeat 7] [--slurm] [--separate]      submit → all programs run; every sample with --json
             --slurm     in turn with Slurm
             --separate  each agent a process of its own
             --preflight off,all  ways of preflight, in turn
  output   [--nodes 5] [--rate 10] [--seconds 60]                      programs that write --rate megabytes a second
  restart  [--nodes 30] [--repeat 7] [--scope all,node] [--separate]   a program is killed → all, or it, run again
  resize   [--nodes 3,30] [--repeat 10] [--separate]                   so many are added and removed, one by one → all that stay have the new list
  loss     [--nodes 4] [--repeat 5] [--host-timeout 10s] [--how kill,freeze]   a host is gone → a spare runs in its place
  policies [--host-timeout 10s]                                        a host is gone and comes back, under every on_host_loss
  generations [--nodes 20] [--repeat 200] [--on-resize file]           so many lists, one after the other: histories, memory, files
  outage   [--nodes 20] [--seconds 5,15,60,180] [--host-timeout 30s]   the server is gone for so long
  upgrade  [--nodes 20]                                                agents are started anew under a running job
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string' },
    repeat: { type: 'string' },
    slurm: { type: 'boolean', default: false },
    separate: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rate: { type: 'string', default: '10' },
    seconds: { type: 'string' },
    scope: { type: 'string', default: 'all,node' },
    how: { type: 'string', default: 'kill,freeze' },
    'host-timeout': { type: 'string' },
    'on-resize': { type: 'string', default: 'file' },
    preflight: { type: 'string', default: 'default' },
  },
});
const agents = values.separate ? ('apart' as const) : ('here' as const);
const nodesList = (otherwise: string) => (values.nodes ?? otherwise).split(',').map(Number);
const repeat = (otherwise: number) => Number(values.repeat ?? otherwise);

const BENCHES: Record<string, () => Promise<void>> = {
  async start() {
    for (const nodes of nodesList('3,30,100')) await startInTurn(nodes);
  },

  async output() {
    const [nodes = 5] = nodesList('5');
    const plan = { nodes, megabytesPerSecond: Number.parseFloat(values.rate), seconds: Number(values.seconds ?? '60') };
    for (const sample of await benchOutput(plan)) print(sample as Sample);
  },

  async restart() {
    for (const nodes of nodesList('30')) {
      for (const scope of values.scope.split(',') as ('all' | 'node')[]) {
        await summed('running_ms', (emit) => benchRestart({ nodes, scope, agents, repeat: repeat(7) }, emit));
      }
    }
  },

  async resize() {
    for (const nodes of nodesList('3,30')) await benchResize({ nodes, agents, repeat: repeat(10) }, print);
  },

  async loss() {
    for (const nodes of nodesList('4')) {
      for (const hostTimeout of (values['host-timeout'] ?? '10s,5s').split(',')) {
        for (const how of values.how.split(',') as ('kill' | 'freeze')[]) {
          await summed('running_ms', (emit) => benchLoss({ nodes, how, hostTimeout, repeat: repeat(5) }, emit));
        }
      }
    }
  },

  async policies() {
    await benchPolicies({ hostTimeout: values['host-timeout'] ?? '10s' }, print);
  },

  async generations() {
    for (const nodes of nodesList('20')) {
      for (const onResize of values['on-resize'].split(',')) await benchGenerations({ nodes, generations: repeat(200), onResize }, print);
    }
  },

  async outage() {
    for (const nodes of nodesList('20')) {
      for (const seconds of (values.seconds ?? '5,15,60,180').split(',').map(Number)) {
        await summed('all_heard_ms', (emit) => benchOutage({ nodes, seconds, hostTimeout: values['host-timeout'] ?? '30s', repeat: repeat(1) }, emit));
      }
    }
  },

  async upgrade() {
    for (const nodes of nodesList('20')) await benchUpgrade({ nodes, hostTimeout: values['host-timeout'] ?? '30s' }, print);
  },
};

const bench = BENCHES[positionals[0] ?? ''];
if (!bench) {
  process.stderr.write(USAGE);
  process.exit(2);
}
await bench();
process.exit(0);

function print(sample: Sample): void {
  const text = values.json
    ? JSON.stringify(sample)
    : Object.entries(sample)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ');
  process.stdout.write(`${text}\n`);
}

/** Every sample on stderr as it comes, then the medians of all. */
async function summed(main: string, measure: (emit: (sample: Sample) => void) => Promise<void>): Promise<void> {
  const samples: Sample[] = [];
  await measure((sample) => {
    samples.push(sample);
    process.stderr.write(`${JSON.stringify(sample)}\n`);
  });
  print(medians(samples, main));
}

async function startInTurn(nodes: number): Promise<void> {
  const ours = new Map<string, Sample[]>();
  const theirs: Sample[] = [];
  const preflights = values.preflight.split(',');
  const slurm = values.slurm ? new Slurm(nodes) : undefined;
  const keep = (samples: Sample[], sample: Sample) => {
    samples.push(sample);
    if (values.json) print(sample);
  };
  await slurm?.once();
  await benchStart(nodes, { repeat: repeat(7), agents, preflights }, async (sample) => {
    ours.set(sample.preflight, ours.get(sample.preflight) ?? []);
    keep(ours.get(sample.preflight) ?? [], { ...sample });
    if (slurm) keep(theirs, { ...(await slurm.once()) });
  });
  await slurm?.stop();
  if (!values.json) for (const samples of [...ours.values(), theirs]) if (samples.length > 0) print(medians(samples, 'submit_to_all_started_ms'));
}
