import { expect, it } from 'vitest';
import { addressReasons } from '../../../cli/address-reasons.js';

const on = (host: string, why: string) => ({ host, reason: `10.0.0.1 on eth0: ${why}` });

it('says the reason that all share once', () => {
  expect(addressReasons([on('a', 'the one network: so it is'), on('b', 'the one network: so it is')])).toEqual(['addresses: the one network: so it is']);
});

it('says of whom each of several reasons is, and not a word of those that have none yet', () => {
  const nodes = [on('a', 'x'), on('b', 'y'), on('c', 'y'), ...['d', 'e', 'f', 'g', 'h'].map((host) => on(host, 'z')), { host: 'i', reason: '' }];
  expect(addressReasons(nodes)).toEqual(['address of a: x', 'address of b and c: y', 'address of d, e, f, g and 1 more: z']);
});
