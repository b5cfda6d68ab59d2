import { expect, test } from 'vitest';
import { momentOf, timed } from './schedule.ts';

const request = { kind: 'switchover' as const, to: 'node-2' };

test('work without a time begins at once, with one it waits', () => {
  expect(timed(request, { within: '30' })).toEqual(request);
  expect(timed(request, { at: '2026-12-24T03:00Z', within: '10' })).toEqual({
    kind: 'schedule-operation',
    atMs: Date.UTC(2026, 11, 24, 3),
    withinMinutes: 10,
    request,
  });
});

test('a time that could be misunderstood is refused', () => {
  expect(momentOf('2026-12-24 03:00+02:00')).toBe(Date.UTC(2026, 11, 24, 1));
  for (const text of ['tomorrow', '2026-12-24', '03:00', '2026-13-24T03:00Z'])
    expect(() => momentOf(text)).toThrow(/--at takes a time like/);
  expect(() => timed(request, { at: '2026-12-24T03:00Z', within: 'soon' })).toThrow(/--within/);
});
