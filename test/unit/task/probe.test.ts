import { test } from 'vitest';
import { parseTask, describeProblem } from '../../../spec/task/parse.js';
import { readTaskYaml } from '../../../spec/task/yaml.js';
import { slugName } from '../../../spec/task/name.js';
test('x', () => {
  const run = (t: string) => {
    const y = readTaskYaml(t);
    const r = y.ok ? parseTask(y.value, { defaultName: 'x', submitterEnv: { HOME: '/h' }, locate: y.locate }) : y;
    console.log(JSON.stringify(t.slice(0, 300)) + '\n' + [...(!r.ok ? r.problems : []).map((p) => '  P ' + describeProblem(p)), ...[...(y.warnings), ...(y.ok ? r.warnings : [])].map((p) => '  W ' + describeProblem(p))].slice(0, 12).join('\n') + (r.ok && 'task' in r ? '\n  ' + JSON.stringify((r as any).task.resources ?? (r as any).task.env) : ''));
  };
  const C = 'commands: [x]\n';
  for (const t of ['nodes: 0\n'+C,'nodes: 2..8\n'+C,'nodes: {min: 2}\n'+C,'nodes: "3"\n'+C,'nodes:\n'+C,'nodes: 2.5\n'+C,'nodes: .nan\n'+C,'comands: [a]','restart: {}\nretry: {on_events: [error]}\nimage: x\nprivileged: false\nbackends: [aws]\nregions: [x]\n'+C,
  'commands:\n  - echo a: b\n  - true\n  - ""\n','env:\n - A=1\n - HOME\n - NOPE\n - 1A=sec\n - DSTACK_NODES_IPS=1\n - MUSTER_X=1\n - A=2\n - B: c\n'+C,'env:\n  A: 1\n  B: true\n  C:\n  D: yes\n  E: [x]\n  F: 12345678901234567890\n  __proto__: x\n'+C,
  'hosts: [a, b, a, "x y"]\nnodes: 2\n'+C,'hosts: [a, b]\nnodes: 3\n'+C,'resources:\n  cpu: 2..8\n  memory: 16GB..\n  gpu: A100:2\n  disk: 100GB..\n  shm_size: 8GB\n'+C,'resources: {gpu: {name: A100, count: 2, memory: 80GB..}, cpu: arm:4.., memory: "512 MB"}\n'+C,'resources: {gpu: {name: A100, cuont: 2, memory: 80G}, cpu: many, memroy: 1, disk: {sizee: 1}, shm_size: []}\n'+C,'resources: {gpu: "A100:H100", cpu: 8..2, disk: {size: 10GB}}\n'+C,'resources: {gpu: "24GB"}\n'+C,'resources: {gpu: {count: {min: 2, max: x}}}\n'+C,
  'stop_signal: stop\nstop_duration: off\nmax_duration: off\nhost_timeout: 3s\nqueue_timeout: 10 minutes\n'+C,'stop_signal: SIGTREM\nnetwork: 10/8\ninterface: "eth 0"\nfleet: a.b\nshell: zsh\nworking_dir: ""\nstop_criteria: some\ntype: service\nname: A\n'+C,
  '','# x','- a','3','a: 1\n---\nb: 2','a: "x','nodes: 1\nnodes: 2\n'+C,'a:\n\t- b','a: \0x','commands: *q','a: &x [*x]','<<: 3\n'+C,'x: &x {env: {A: 1}}\n<<: *x\n'+C,'a: !foo b','? [a]\n: b','a: b: c','a: 1\nb','\uFEFFnodes: 2\r\n'+C,'max_duration: on\n'+C,'{a: '.repeat(200000),'- '.repeat(300000),'a: '.repeat(500), Array.from({length:1400},(_,i)=>' '.repeat(i)+'a:').join('\n'),'a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]','a: %x','a: `b`','a: [1','a:\n  - b\n - c','__proto__: {nodes: 3}\n'+C]) run(t);
  for (const i of ['', 'a', 'A/B C', 'run-x-1', '9', '---', 'é', 'x'.repeat(100), '_', 'run-' + '9'.repeat(60)]) console.log(i, slugName(i));
});
