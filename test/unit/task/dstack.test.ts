import { expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import { readTaskYaml } from '../../../spec/task/yaml.js';

/** Task files as people write them for dstack: each passes, with a warning for what has no effect here. */
const TORCHRUN = `
type: task
name: train
nodes: 2
python: 3.12
env:
  - NCCL_DEBUG=INFO
commands:
  - cd training
  - uv pip install -r requirements.txt
  - |
    torchrun \\
      --nproc-per-node=$DSTACK_GPUS_PER_NODE \\
      --node-rank=$DSTACK_NODE_RANK \\
      --nnodes=$DSTACK_NODES_NUM \\
      --master-addr=$DSTACK_MASTER_NODE_IP \\
      --master-port=12345 train.py
resources:
  gpu: 24GB:1..2
  shm_size: 24GB
`;
const RAY = `
type: task
name: ray-cluster
python: 3.12
groups:
  - name: head
    nodes: 1
    commands:
      - ray start --head --port=6379 --block
    resources:
      cpu: 2
      memory: 4GB..
    ports:
      - 8265
  - name: workers
    nodes: 2
    commands:
      - ray start --address=\${{ groups[0].nodes[0].IP_ADDRESS }}:6379 --block
    resources:
      gpu: H100:8
`;
const MPI = `
type: task
name: nccl
startup_order: workers-first
stop_criteria: master-done
env:
  - NCCL_DEBUG=INFO
groups:
  - nodes: 1
    commands:
      - |
        mpirun --allow-run-as-root --hostfile $DSTACK_MPI_HOSTFILE \\
          -n $DSTACK_GPUS_NUM -N $DSTACK_GPUS_PER_NODE ./all_reduce_perf
    resources:
      gpu: nvidia:1..8
      shm_size: 16GB
  - nodes: 1
    commands:
      - sleep infinity
    resources:
      gpu: nvidia:1..8
`;
const SCHEDULE = `
type: task
name: nightly
commands:
  - python report.py
schedule:
  cron: "15 23 * * *"
max_duration: off
`;
const RETRY = `
type: task
name: stubborn
commands:
  - python train.py
retry:
  on_events: [no-capacity, error, interruption]
  duration: 1h
spot_policy: auto
`;

test.each([
  [
    'torchrun',
    TORCHRUN,
    2,
    ['line 5: `python` chooses machines in dstack and has no effect here', 'line 20: resources.shm_size: `shm_size` is not compared with what hosts have'],
  ],
  [
    'Ray in groups',
    RAY,
    3,
    [
      'line 4: `python` chooses machines in dstack and has no effect here',
      'line 13: groups[0].ports: `ports` is not forwarded to you here: a program is reached at the address of its node',
    ],
  ],
  ['MPI in groups', MPI, 2, ['line 16: groups[0].resources.shm_size: `shm_size` is not compared with what hosts have']],
  ['a schedule', SCHEDULE, 1, []],
  [
    'retry',
    RETRY,
    1,
    [
      'line 9: `spot_policy` chooses machines in dstack and has no effect here',
      'line 6: retry: here it means: at most 10 restarts of all nodes within 1h of running, at most 10 lost hosts replaced within 1h of running, a wait of 1h for free hosts; dstack counts no attempts, and `restart` says it in your own numbers',
    ],
  ],
])('dstack’s %s is a valid task', (_, text, nodes, warnings) => {
  const read = readTaskYaml(text);
  if (!read.ok) return expect(read.problems).toEqual([]);
  const parsed = parseTask(read.value, { defaultName: 'x', locate: read.locate });
  expect(parsed.ok ? parsed.task.nodes : parsed.problems.map(describeProblem)).toBe(nodes);
  return expect([...read.warnings, ...parsed.warnings].map(describeProblem)).toEqual(warnings);
});
