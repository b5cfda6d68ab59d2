import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refusals } from './refusals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function refused() {
  const line = {
    ...{ active: true, attempts: 0 },
    connect() {
      this.attempts += 1;
    },
  };
  const onRefused = vi.fn();
  return { line, onRefused, refusals: new Refusals(line, onRefused) };
}

test('a console that refuses a browser once is asked again a few seconds later, and who asks is judged anew', () => {
  const { line, onRefused, refusals } = refused();
  line.active = false;
  refusals.lost();
  expect([onRefused.mock.calls.length, line.attempts]).toEqual([1, 0]);
  vi.advanceTimersByTime(2000);
  expect(line.attempts).toBe(1);
});

test('a line that broke is left to the library, which goes on trying', () => {
  const { line, onRefused, refusals } = refused();
  refusals.lost();
  vi.advanceTimersByTime(600_000);
  expect([onRefused.mock.calls.length, line.attempts]).toEqual([0, 0]);
});

test('the pauses grow to half a minute while the console refuses, and begin anew once it has not', () => {
  const { line, refusals } = refused();
  line.active = false;
  const pauseMs = () => {
    refusals.lost();
    // A second sign of the same refusal changes nothing.
    refusals.lost();
    const [before, sinceMs] = [line.attempts, Date.now()];
    vi.advanceTimersToNextTimer();
    expect([line.attempts, vi.getTimerCount()]).toEqual([before + 1, 0]);
    return Date.now() - sinceMs;
  };
  expect(Array.from({ length: 6 }, pauseMs)).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000]);
  refusals.connected();
  expect(pauseMs()).toBe(2000);
});

test('a page that closes its line does not come back', () => {
  const { line, onRefused, refusals } = refused();
  line.active = false;
  refusals.lost();
  refusals.close();
  refusals.lost();
  vi.advanceTimersByTime(600_000);
  expect([onRefused.mock.calls.length, line.attempts]).toEqual([1, 0]);
});
