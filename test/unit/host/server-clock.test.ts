import { expect, it } from 'vitest';
import { ServerClock } from '../../../activities/host/server-clock.js';

it('is this host’s own clock until an activity has come', () => {
  const clock = new ServerClock(() => 0);
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1_000);
  expect(clock.skewMs).toBeNull();
});

it('is never ahead of the server’s, and gets nearer with a faster delivery', () => {
  let monotonicMs = 1_000;
  const clock = new ServerClock(() => monotonicMs);
  // Scheduled at 50_000, here 300 ms later: behind by that.
  clock.note(50_000);
  expect(clock.nowMs()).toBe(50_000);
  monotonicMs += 2_000;
  expect(clock.nowMs()).toBe(52_000);
  clock.note(52_250);
  expect(clock.nowMs()).toBe(52_250);
  // A slow delivery teaches nothing.
  monotonicMs += 10_000;
  clock.note(53_000);
  expect(clock.nowMs()).toBe(62_250);
});
