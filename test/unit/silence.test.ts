import { describe, expect, it } from 'vitest';
import { areTogether, decideSilence, lateMs, type Silence } from '../../workflows/decisions/silence.js';

const HOST_TIMEOUT = 30_000;
const silence = (silentForMs: number, change: Partial<Silence> = {}): Silence => ({
  ...{ nowMs: 1_000_000, sinceMs: 1_000_000 - silentForMs, outageAtMs: null, togetherAtMs: null, hostTimeoutMs: HOST_TIMEOUT, peers: 'none', ...change },
});
const wait = (ms: number) => ({ kind: 'wait', ms });
const lost = { kind: 'lost' };

describe('a silent host', () => {
  it.each<[string, Silence, object]>([
    ['is asked again after at most ten seconds', silence(6_000), wait(10_000)],
    ['is asked again for the rest of host_timeout', silence(25_000), wait(5_000)],
    ['is lost when host_timeout has passed', silence(30_000), lost],
    ['is lost when its peers do not reach it either, not before host_timeout', silence(29_000, { peers: 'unreachable' }), wait(1_000)],
    ['is lost when host_timeout has passed and its peers do not reach it', silence(30_000, { peers: 'unreachable' }), lost],
    ['is not lost as long as a peer reaches it', silence(3_600_000, { peers: 'reachable' }), wait(300_000)],
    ['has two minutes when Temporal was away', silence(90_000, { outageAtMs: 1_000_000 }), wait(10_000)],
    ['is lost two minutes after Temporal was back', silence(300_000, { outageAtMs: 880_000 }), lost],
    ['is still waited for just before these two minutes are over', silence(300_000, { outageAtMs: 880_001 }), wait(1)],
    ['has two minutes when half of the nodes fell silent with it', silence(30_000, { togetherAtMs: 990_000 }), wait(10_000)],
    ['is lost at once after an outage when its peers do not reach it', silence(90_000, { outageAtMs: 1_000_000, peers: 'unreachable' }), lost],
    ['is not given up sooner by an outage than without', silence(1_000, { outageAtMs: 0, hostTimeoutMs: 3_600_000 }), wait(10_000)],
  ])('%s', (_, facts, expected) => {
    expect(decideSilence(facts)).toEqual(expected);
  });

  it.each([
    [1, 1, false],
    [1, 2, false],
    [2, 2, true],
    [2, 3, true],
    [2, 4, true],
    [2, 5, false],
    [25, 50, true],
  ])('%i silent of %i that run, together: %s', (silent, running, together) => {
    expect(areTogether(silent, running)).toBe(together);
  });

  it.each([
    [5_000, 417],
    [12_000, 1_000],
    [30_000, 2_000],
    [3_600_000, 2_000],
  ])('with a host_timeout of %i ms the word of it tells of an outage when it is %i ms late', (hostTimeoutMs, late) => {
    expect(Math.round(lateMs(hostTimeoutMs))).toBe(late);
  });
});
