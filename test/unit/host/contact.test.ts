import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Contact } from '../../../activities/host/contact.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('says once that nothing was heard for the limit, whatever else is under way', () => {
  let silences = 0;
  const contact = new Contact(5_000, () => silences++);
  contact.heard();
  vi.advanceTimersByTime(4_000);
  contact.heard();
  vi.advanceTimersByTime(4_999);
  expect(silences).toBe(0);
  vi.advanceTimersByTime(20_000);
  expect(silences).toBe(1);
});

it('says nothing before the first word, after a stop, and without a limit', () => {
  let silences = 0;
  new Contact(5_000, () => silences++);
  const stopped = new Contact(5_000, () => silences++);
  const endless = new Contact(null, () => silences++);
  for (const contact of [stopped, endless]) contact.heard();
  stopped.stop();
  stopped.heard();
  vi.advanceTimersByTime(3_600_000);
  expect(silences).toBe(0);
});
