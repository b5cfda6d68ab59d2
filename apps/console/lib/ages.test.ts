import { expect, test } from 'vitest';
import { consoleNowMs, heardAtMsOf, newerOf } from './ages.ts';

const hourMs = 3_600_000;
/** As a browser hears it whose clock is so far ahead of the console's. */
const heard = (reportedAtMs: number, { ageMs, aheadMs }: { ageMs: number; aheadMs: number }) => {
  return { reportedAtMs, heardAtMs: heardAtMsOf({ ageMs }, reportedAtMs + ageMs + aheadMs) };
};

test.each([-hourMs, 0, hourMs])(
  'a status ages alike in browsers whose clocks differ, by %i ms',
  (aheadMs) => {
    const { heardAtMs } = heard(1000, { ageMs: 4000, aheadMs });
    // Three seconds after it arrived.
    const nowMs = 8000 + aheadMs;
    expect(nowMs - heardAtMs).toBe(7000);
    expect(consoleNowMs(heard(1000, { ageMs: 4000, aheadMs }), nowMs)).toBe(8000);
  },
);

test('what is sent without an age is fresh', () => {
  expect(heardAtMsOf({}, 5000)).toBe(5000);
});

test('what was asked for counts once it is newer than what the lost line had told', () => {
  const live = heard(1000, { ageMs: 0, aheadMs: 0 });
  const asked = heard(9000, { ageMs: 500, aheadMs: 0 });
  expect([newerOf(live, asked), newerOf(asked, live)]).toEqual([asked, asked]);
  expect(newerOf(live, { ...live, heardAtMs: 7 })).toBe(live);
  expect([newerOf(null, asked), newerOf(live, null), newerOf(null, null)]).toEqual([asked, live, null]);
});
