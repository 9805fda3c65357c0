import { expect, it } from 'vitest';
import type { LeaseRequested } from '../../../spec/messages.js';
import { OWN_PROTOCOL } from '../../../spec/protocol.js';
import { countHosts, type FleetHost } from '../../../workflows/decisions/lease.js';

const host = (change: Partial<FleetHost> = {}): FleetHost => ({
  ...{ facts: { host: 'h', version: '0', protocol: OWN_PROTOCOL } as FleetHost['facts'], announcedAtMs: 0, silent: false, leaving: false, drained: false },
  ...{ lease: null, ...change },
});
const request = (askedAtMs: number, extra = false) => ({ askedAtMs, extra }) as LeaseRequested;

it('counts hosts by state, and what waits but for wishes for extra hosts', () => {
  const held = { lease: { state: 'held' } as FleetHost['lease'] };
  const hosts = [host(), host(), host(held), host({ silent: true, drained: true }), host({ drained: true })];
  expect(countHosts(hosts, [request(700), request(500), request(100, true)])).toEqual({
    hosts: { free: 2, held: 1, silent: 1, drained: 1 },
    ...{ waiting: 2, waitingSinceMs: 500 },
  });
  expect(countHosts([], [])).toEqual({ hosts: {}, waiting: 0, waitingSinceMs: null });
});
