import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { found } from './problem.js';
import { expected, reading } from './words.js';

const WHAT = 'a network such as `10.0.0.0/24`';

/** A network in CIDR form, host bits allowed, as the network itself: `10.0.0.5/24` is `10.0.0.0/24`. */
export const networkSchema = reading(z.string({ error: expected(WHAT) }), (text) => {
  const network = normalisedNetwork(text);
  return network === undefined ? { refused: `expected ${WHAT}, got ${found(text)}` } : { value: network };
});

function normalisedNetwork(text: string): string | undefined {
  // The library also takes `10/8` and octal numbers, which people and C libraries read in different ways.
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(text)}/${ipaddr.IPv4.parseCIDR(text)[1]}`;
  }
  if (text.includes('%') || !ipaddr.IPv6.isValidCIDR(text)) return undefined;
  return `${ipaddr.IPv6.networkAddressFromCIDR(text)}/${ipaddr.IPv6.parseCIDR(text)[1]}`;
}
