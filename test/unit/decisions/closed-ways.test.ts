import { describe, expect, it } from 'vitest';
import { describeClosedWays } from '../../../workflows/decisions/closed-ways.js';

const nodes = Array.from({ length: 5 }, (_, rank) => ({ host: `host-${rank}`, address: `10.0.0.${rank}` }));
const HEAD = 'Nodes cannot reach each other, so that nothing was started: ';

describe('the sentence about closed ways', () => {
  it('says that the other direction is open where that was proven', () => {
    const one = [{ from: 2, to: 4, why: 'timed out' }];
    expect(describeClosedWays(one, nodes, 'all')).toBe(`${HEAD}host-2 (10.0.0.2) → host-4 (10.0.0.4) timed out; host-4 → host-2 ok`);
    expect(describeClosedWays(one, nodes, 'ring')).toBe(`${HEAD}host-2 (10.0.0.2) → host-4 (10.0.0.4) timed out`);
    expect(describeClosedWays([{ from: 0, to: 4, why: 'refused' }], nodes, 'ring')).toBe(
      `${HEAD}host-0 (10.0.0.0) → host-4 (10.0.0.4) refused; host-4 → host-0 ok`,
    );
  });

  it('does not call a direction open that is closed too', () => {
    const both = [
      { from: 2, to: 4, why: 'timed out' },
      { from: 4, to: 2, why: 'no route' },
    ];
    expect(describeClosedWays(both, nodes, 'all')).toBe(
      `${HEAD}host-2 (10.0.0.2) → host-4 (10.0.0.4) timed out; host-4 (10.0.0.4) → host-2 (10.0.0.2) no route`,
    );
  });

  it('names eight of many', () => {
    const many = nodes.flatMap((_, from) => nodes.flatMap((_, to) => (from === to ? [] : [{ from, to, why: 'timed out' }])));
    expect(describeClosedWays(many, nodes, 'all')).toMatch(/host-1 \(10\.0\.0\.1\) → host-4 \(10\.0\.0\.4\) timed out and 12 more$/);
  });
});
