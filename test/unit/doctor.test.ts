import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkAgents } from '../../client/doctor/agent-checks.js';
import type { AgentFacts } from '../../client/doctor/ask-agents.js';
import type { DoctorFacts } from '../../client/doctor/facts.js';
import { checkControl, checkHosts, checkPolls, checkQueue } from '../../client/doctor/fleet-checks.js';
import { checkServer, STEP_SETTINGS } from '../../client/doctor/server-checks.js';
import type { HostStatus } from '../../spec/fleet.js';
import { OWN_PROTOCOL } from '../../spec/protocol.js';
import { SEARCH_ATTRIBUTES } from '../../spec/search-attributes.js';
import { DEV_SERVER_SETTINGS } from '../../workers/server/settings.js';

const GIB = 2 ** 30;
const NOW_MS = 1_800_000_000_000;

function host(name: string, change: Partial<HostStatus> = {}): HostStatus {
  const address = change.address ?? `10.0.0.${name.replace(/\D/g, '')}`;
  return {
    ...{ host: name, identity: name, address, candidates: [], told: { address: null, network: null, interface: null } },
    ...{ cpus: 1, memoryMb: 1, gpus: 0, gpuModel: null, gpuMemoryMb: null, labels: {}, version: '0.1.0', protocol: OWN_PROTOCOL },
    ...{ state: 'free', drained: false, leaving: false, problem: '', lease: null, announcedAtMs: 0, ...change },
  };
}

function agent(name: string, change: Partial<AgentFacts> = {}): AgentFacts {
  const disk = { path: '/var/lib/muster', freeBytes: 50 * GIB, totalBytes: 100 * GIB, freeFiles: 9, totalFiles: 10 };
  return { host: name, seenAgoMs: 1_000, answer: 'heard', machine: { node: '20.20.2', clockMs: 0, disk }, aheadMs: { least: -20, most: 20 }, ...change };
}

const withDisk = (freeBytes: number, totalBytes: number, files = { freeFiles: 9, totalFiles: 10 }) =>
  agent('h1', { machine: { node: '20.20.2', clockMs: 0, disk: { path: '/data', freeBytes, totalBytes, ...files } } });

const identity = 'muster-control/0.1.0/7@rack';
const WELL: DoctorFacts = {
  temporal: { address: '10.0.0.9:7233', namespace: 'default' },
  fleet: 'default',
  server: { version: '1.32.0', shards: 512, store: 'postgres', roundTripMs: 2 },
  namespace: { retentionMs: 7 * 86_400_000, standaloneActivities: true },
  searchAttributes: SEARCH_ATTRIBUTES,
  control: [{ queue: 'muster.default', pollers: [{ identity, seenAgoMs: 5_000 }] }],
  hosts: [host('h1'), host('h2')],
  agents: [agent('h1'), agent('h2')],
  census: { hosts: { free: 2 }, waiting: 0, waitingSinceMs: null },
  timerLateMs: 3,
  serverAheadMs: { least: -5, most: 5 },
};

const all = (facts: DoctorFacts, told: number | null = null) => [
  ...checkServer(facts),
  checkControl(facts),
  checkHosts(facts),
  checkQueue(facts, NOW_MS),
  checkPolls(facts, told),
  ...checkAgents(facts),
];

it('finds nothing where all is well', () => {
  expect(all(WELL).filter(({ verdict, mend }) => verdict !== 'ok' || mend !== '')).toEqual([]);
});

const hosts = (count: number) => Array.from({ length: count }, (_, i) => host(`h${i}`));

describe('one thing is wrong', () => {
  it.each<[string, Partial<DoctorFacts>, string, 'warning' | 'problem', RegExp, RegExp]>([
    ['an old server', { server: { ...WELL.server, version: '1.31.9' } }, 'server', 'problem', /1\.31\.9, and 1\.32\.0/, /upgrade/],
    [
      'no standalone activities',
      { namespace: { retentionMs: 86_400_000, standaloneActivities: false } },
      'server',
      'problem',
      /switched off/,
      /activity\.enableStandalone/,
    ],
    [
      'a retention of hours',
      { namespace: { retentionMs: 3_600_000, standaloneActivities: true } },
      'namespace',
      'warning',
      /for 1 h/,
      /namespace update --retention/,
    ],
    [
      'a missing search attribute',
      { searchAttributes: { ...SEARCH_ATTRIBUTES, MusterPhase: undefined as never } },
      'search attributes',
      'warning',
      /^MusterPhase is not/,
      /--name MusterPhase --type Keyword/,
    ],
    [
      'one of another type',
      { searchAttributes: { ...SEARCH_ATTRIBUTES, MusterName: 'Int' } },
      'search attributes',
      'warning',
      /MusterName has another type/,
      /free the name/,
    ],
    [
      'late timers on one shard',
      { server: { ...WELL.server, shards: 1 }, timerLateMs: 940 },
      'steps',
      'warning',
      /940 ms late/,
      /transferProcessorMaxPollRPS=5000/,
    ],
    ['timers that could not be measured', { timerLateMs: null }, 'steps', 'warning', /could not be measured/, /again/],
    ['a server’s clock that is off', { serverAheadMs: { least: -70_000, most: -69_000 } }, 'server clock', 'warning', /69\.0 s behind/, /NTP/],
    [
      'a control worker that has gone',
      { hosts: 'unanswered', control: [{ queue: 'muster.default', pollers: [{ identity, seenAgoMs: 200_000 }] }] },
      'control workers',
      'problem',
      /none serves muster\.default/,
      /^start one: muster control$/,
    ],
    ['one that does not answer', { hosts: 'unanswered' }, 'control workers', 'problem', /none answers, though 1 poller/, /look at their logs/],
    [
      'two versions of them',
      {
        control: [
          {
            queue: 'muster.default',
            pollers: [
              { identity, seenAgoMs: 1 },
              { identity: 'muster-control/0.2.0/8@rack', seenAgoMs: 1 },
            ],
          },
        ],
      },
      'control workers',
      'warning',
      /0\.1\.0, 0\.2\.0/,
      /older version/,
    ],
    ['no hosts', { hosts: [], agents: [] }, 'hosts', 'problem', /the fleet default has none/, /^muster host makes/],
    ['all hosts silent', { hosts: [host('h1', { state: 'silent' })] }, 'hosts', 'problem', /none can be used/, /h1: look at the agent/],
    [
      'an incompatible host',
      { hosts: [host('h1'), host('h2', { state: 'incompatible', problem: 'its agent (9) is too new' })] },
      'hosts',
      'warning',
      /1 incompatible/,
      /h2: its agent \(9\) is too new/,
    ],
    ['all drained', { hosts: [host('h1', { state: 'drained', drained: true })] }, 'hosts', 'problem', /1 drained/, /muster resume h1/],
    [
      'a run that waits',
      { census: { hosts: {}, waiting: 2, waitingSinceMs: NOW_MS - 600_000 } },
      'queue',
      'warning',
      /2 requests for hosts wait, the longest for 10 min/,
      /muster plan FILE/,
    ],
    [
      '200 hosts',
      { hosts: hosts(200) },
      'polls',
      'warning',
      /202 activity polls open, of 1,200.*default, which is assumed.*: 6 fill that$/,
      /namespaceCount to 4000 .*--poll-limit 4000/,
    ],
    ['700 hosts', { hosts: hosts(700) }, 'polls', 'warning', /no room for as many again/, /namespaceCount to 14000/],
    ['1,300 hosts', { hosts: hosts(1_300) }, 'polls', 'problem', /those over it are refused/, /namespaceCount to 26000/],
    [
      'an agent that does not answer',
      { agents: [agent('h1'), agent('h2', { answer: 'silent', machine: null, aheadMs: null, seenAgoMs: 240_000 })] },
      'agents',
      'warning',
      /1 of 2 hosts does not answer now: h2 \(asked for work 4 min ago\)/,
      /systemctl status muster-host/,
    ],
    [
      'none that does',
      { agents: [agent('h1', { answer: 'silent', seenAgoMs: null })] },
      'agents',
      'problem',
      /1 of 1 host does not answer now: h1$/,
      /journalctl/,
    ],
    [
      'two versions of agents',
      { hosts: [host('h1'), host('h2'), host('h3', { version: '0.0.9' })] },
      'versions',
      'warning',
      /0\.1\.0 \(2\), 0\.0\.9 \(1\)/,
      /another has h3/,
    ],
    ['a clock that is off', { agents: [agent('h1', { aheadMs: { least: 4_990, most: 5_010 } })] }, 'clocks', 'warning', /h1 is 5\.0 s ahead/, /NTP/],
    [
      'one host on loopback',
      { hosts: [host('h1'), host('h2', { address: '127.0.0.1' })] },
      'addresses',
      'warning',
      /h2 \(127\.0\.0\.1\) can only/,
      /--address/,
    ],
    [
      'one address twice',
      { hosts: [host('h1'), host('h2', { address: '10.0.0.1' })] },
      'addresses',
      'warning',
      /10\.0\.0\.1 is the address of h1 and h2/,
      /address of its own/,
    ],
    ['a disk that is low', { agents: [withDisk(1.5 * GIB, 100 * GIB)] }, 'disks', 'warning', /h1 has 1\.5 GiB free at \/data/, /--keep 1d/],
    ['a disk that is full', { agents: [withDisk(0, 100 * GIB)] }, 'disks', 'problem', /nodes cannot be prepared/, /make room/],
    [
      'no more files',
      { agents: [withDisk(50 * GIB, 100 * GIB, { freeFiles: 1, totalFiles: 1_000 })] },
      'disks',
      'warning',
      /no room for more files/,
      /make room/,
    ],
  ])('%s', (_, change, check, verdict, found, mend) => {
    const checks = all({ ...WELL, ...change });
    expect(checks.find((each) => each.check === check)).toEqual({ check, verdict, found: expect.stringMatching(found), mend: expect.stringMatching(mend) });
  });
});

describe('what looks wrong and is not', () => {
  it.each<[string, Partial<DoctorFacts>, number | null, string]>([
    ['200 hosts, where somebody has raised the limit', { hosts: hosts(200) }, 4_000, 'polls'],
    ['200 hosts in Temporal Cloud', { hosts: hosts(200), temporal: { address: 'ns.acct.tmprl.cloud:7233', namespace: 'ns.acct' } }, null, 'polls'],
    ['late timers on many shards', { timerLateMs: 940 }, null, 'steps'],
    ['search attributes that nobody may read', { searchAttributes: null }, null, 'search attributes'],
    ['a clock that is slow to answer', { agents: [agent('h1', { aheadMs: { least: -3_000, most: 1_500 } })] }, null, 'clocks'],
    ['a stack on loopback', { hosts: [host('h1', { address: '127.0.0.2' }), host('h2', { address: '127.0.0.3' })] }, null, 'addresses'],
    ['a run that has just asked', { census: { hosts: {}, waiting: 1, waitingSinceMs: NOW_MS - 5_000 } }, null, 'queue'],
    ['a drained host among others', { hosts: [host('h1'), host('h2', { state: 'drained', drained: true })] }, null, 'hosts'],
    ['a small disk with room', { agents: [withDisk(1.5 * GIB, 4 * GIB)] }, null, 'disks'],
    ['agents of before', { agents: [agent('h1', { machine: null, aheadMs: null })] }, null, 'disks'],
  ])('%s', (_, change, told, check) => {
    expect(all({ ...WELL, ...change }, told).find((each) => each.check === check)).toMatchObject({ verdict: 'ok', mend: '' });
  });
});

it('stops at a namespace that is not there', () => {
  expect(checkServer({ ...WELL, namespace: null }).at(-1)).toMatchObject({ check: 'namespace', verdict: 'problem', found: 'there is no namespace default' });
});

it('advises what the dev server is started with', () => {
  for (const [key, value] of Object.entries(STEP_SETTINGS)) expect(DEV_SERVER_SETTINGS.find((setting) => setting.key === key)?.value).toBe(value);
});

it('has nothing to warn of on a dev server that was started as the documents say', () => {
  const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  const typed = /^temporal server start-dev (?:.*\\\n)*.*/m.exec(page)?.[0].replaceAll("'", '') ?? '';
  for (const [key, value] of Object.entries(STEP_SETTINGS)) expect(typed).toContain(`--dynamic-config-value ${key}=${JSON.stringify(value)}`);
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) expect(typed).toContain(`--search-attribute ${name}=${type}`);
});
