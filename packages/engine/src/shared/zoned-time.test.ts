import { expect, test } from 'vitest';
import { momentText, readMoment } from './zoned-time.ts';

const at = (iso: string) => ({ ok: true, atMs: Date.parse(iso) });

test('a moment is read by the clocks of the zone that was chosen', () => {
  expect(readMoment('2026-11-27 14:00:05', 'Europe/Berlin')).toEqual(at('2026-11-27T13:00:05Z'));
  expect(readMoment('2026-07-27 14:00', 'Europe/Berlin')).toEqual(at('2026-07-27T12:00:00Z'));
  expect(readMoment('2026-11-27T14:00:00', 'Asia/Kathmandu')).toEqual(at('2026-11-27T08:15:00Z'));
  expect(momentText(Date.parse('2026-11-27T13:00:05Z'), 'Europe/Berlin')).toBe('2026-11-27 14:00:05');
});

test('an offset that is written counts more than the zone', () => {
  expect(readMoment('2026-11-27 14:00:00+01', 'UTC')).toEqual(at('2026-11-27T13:00:00Z'));
  expect(readMoment('2026-11-27 14:00:00.250Z', 'Europe/Berlin')).toEqual(at('2026-11-27T14:00:00.250Z'));
});

test('an hour that never was, or was twice, is not guessed', () => {
  expect(readMoment('2026-03-29 02:30:00', 'Europe/Berlin')).toMatchObject({ ok: false });
  expect(readMoment('2026-10-25 02:30:00', 'Europe/Berlin')).toMatchObject({
    problem: expect.stringContaining('twice'),
  });
  expect(readMoment('2026-10-25 02:30:00+02', 'Europe/Berlin')).toEqual(at('2026-10-25T00:30:00Z'));
});

test('what is no time says how to write one', () => {
  expect(readMoment('2026-11-27 14:00', null)).toMatchObject({ problem: expect.stringMatching('time zone') });
  for (const text of ['', 'yesterday', '2026-13-40 25:00', '27.11.2026 14:00'])
    expect(readMoment(text, 'UTC').ok).toBe(false);
  expect(readMoment('2026-11-27 14:00', 'Europe/Atlantis')).toMatchObject({ ok: false });
});
