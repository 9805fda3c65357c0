import { describe, expect, test } from 'vitest';
import { parseKernelLog } from '../../../activities/process/kernel-log.js';
import { type EndedProgram, type OomVictim, oomVictims, wasAmong } from '../../../activities/process/oom-records.js';

test.each<[kernel: string, text: string, victim: Partial<OomVictim> | undefined]>([
  ['3.10', 'Killed process 215701, UID 679, (java) total-vm:11017300kB, anon-rss:7152432kB, file-rss:1232kB', { pid: 215701 }],
  ['4.4', 'Killed process 13119 (java) total-vm:3725396kB, anon-rss:201312kB, file-rss:0kB', { pid: 13119 }],
  ['4.18', 'Killed process 2746 (leaker) total-vm:536704kB, anon-rss:521176kB, file-rss:1208kB, shmem-rss:0kB', { pid: 2746 }],
  ['4.18, whom it considered', 'Memory cgroup out of memory: Kill process 26074 (monocular) score 54 or sacrifice child', undefined],
  ['4.18, whom it considered for the machine', 'Out of memory: Kill process 19961 (python) score 17 or sacrifice child', undefined],
  ['5.3', 'Out of memory: Killed process 3035 (oomprocs) total-vm:1056800kB, anon-rss:8kB, file-rss:4kB, shmem-rss:0kB', { pid: 3035 }],
  [
    '5.15',
    'Out of memory: Killed process 2092 (node) total-vm:2546008kB, anon-rss:1665620kB, file-rss:936kB, shmem-rss:0kB, UID:0 pgtables:38108kB oom_score_adj:300',
    { pid: 2092, oomScoreAdj: 300 },
  ],
  [
    '6.18, a cgroup',
    'Memory cgroup out of memory: Killed process 15410 (python3) total-vm:211868kB, anon-rss:30464kB, file-rss:6600kB, shmem-rss:0kB, UID:0 pgtables:132kB oom_score_adj:-999',
    { pid: 15410, oomScoreAdj: -999 },
  ],
  [
    '6.18, whoever asks for memory',
    'Out of memory (oom_kill_allocating_task): Killed process 77 (a b) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0',
    { pid: 77, oomScoreAdj: 0 },
  ],
  [
    'a name with parentheses and numbers',
    'Out of memory: Killed process 78 (x) total-vm:9kB) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:5',
    { pid: 78, oomScoreAdj: 5 },
  ],
  [
    'the choice of one in a cgroup',
    'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/muster-oomprobe,task_memcg=/muster-oomprobe/a,task=python3,pid=15410,uid=0',
    { pid: 15410, cgroup: '/muster-oomprobe/a' },
  ],
  [
    'the choice of one of all',
    'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=user.slice,mems_allowed=0,global_oom,task_memcg=/system.slice/newshive.service,task=uvicorn,pid=1306511,uid=1001',
    { pid: 1306511, cgroup: '/system.slice/newshive.service' },
  ],
  [
    'a name like a choice',
    'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),global_oom,task_memcg=/a,task=x,pid=1,uid=0,pid=1306511,uid=1001',
    { pid: 1306511, cgroup: '/a' },
  ],
  ['what was freed', 'oom_reaper: reaped process 2746 (leaker), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB', undefined],
  ['a line of the list of all', '[  15410]     0 15410    52967     9266     7616     1650         0   135168        0             0 python3', undefined],
  ['another record', 'br0: port 1(v0) entered disabled state', undefined],
])('%s', (_, text, victim) => {
  expect(oomVictims([{ atUsec: 5, text }])).toEqual(victim === undefined ? [] : [{ atUsec: 5, ...victim }]);
});

test('the log gives the records of the kernel, without their details and without what a program wrote there', () => {
  const log = [
    '6,339,5140900,-;NET: Registered protocol family 10',
    ' SUBSYSTEM=net',
    ' DEVICE=6,1,1,-;no record',
    '3,451,1409875462,-,caller=T15410;Memory cgroup out of memory: Killed process 15410 (python3) total-vm:1kB',
    '12,452,1409875463,-;Out of memory: Killed process 1 (forged) total-vm:1kB',
    '4,453,1409875464,c;',
    '\0nonsense',
    '',
  ];
  expect(parseKernelLog(log.join('\n'))).toEqual([
    { atUsec: 5140900, text: 'NET: Registered protocol family 10' },
    { atUsec: 1409875462, text: 'Memory cgroup out of memory: Killed process 15410 (python3) total-vm:1kB' },
    { atUsec: 1409875464, text: '' },
  ]);
});

describe('a program', () => {
  const program: EndedProgram = {
    ...{ startedUsec: 100e6, endedUsec: 200e6, cgroupName: 'muster-a', pid: 50, oomScoreAdj: 300, toleranceUsec: 1e6 },
  };

  test.each<[name: string, victim: OomVictim, told: boolean, more?: Partial<EndedProgram>]>([
    ['by its pid', { atUsec: 150e6, pid: 50 }, true],
    ['by its pid, of an earlier program', { atUsec: 90e6, pid: 50 }, false],
    ['by its pid, after its end', { atUsec: 210e6, pid: 50 }, false],
    ['by its pid, which is of another namespace', { atUsec: 150e6, pid: 50 }, false, { pid: undefined }],
    ['by its cgroup', { atUsec: 150e6, pid: 51, cgroup: '/system.slice/muster-a' }, true],
    ['by a cgroup in its own', { atUsec: 150e6, pid: 51, cgroup: '/muster-a/inner' }, true],
    ['by its cgroup, in another namespace', { atUsec: 150e6, pid: 51, cgroup: '/docker/b/muster-a' }, true, { pid: undefined }],
    ['by another cgroup', { atUsec: 150e6, pid: 51, cgroup: '/muster-ab' }, false],
    ['by no cgroup', { atUsec: 150e6, pid: 51, cgroup: '/undefined' }, false, { cgroupName: undefined }],
    ['as a child that died right before it', { atUsec: 195e6, pid: 51, oomScoreAdj: 300 }, true],
    ['as a child that died long before it', { atUsec: 180e6, pid: 51, oomScoreAdj: 300 }, false],
    ['as a process of others', { atUsec: 199e6, pid: 51, oomScoreAdj: 0 }, false],
    ['as a process of a kernel that does not tell', { atUsec: 199e6, pid: 51 }, false],
    ['as a child, in another namespace', { atUsec: 199e6, pid: 51, oomScoreAdj: 300 }, false, { pid: undefined }],
  ])('is told %s', (_, victim, told, more = {}) => {
    expect(wasAmong([{ atUsec: 1, pid: 1 }, victim], { ...program, ...more })).toBe(told);
  });
});
