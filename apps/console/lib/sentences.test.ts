import { expect, test } from 'vitest';
import { withMoments } from './sentences.ts';

/** As in a place that is an hour ahead. */
const hourMs = 3_600_000;
const formats = {
  moment: (atMs: number) => `<${new Date(atMs + hourMs).toISOString().slice(0, 16)}>`,
  clock: (atMs: number) => `<${new Date(atMs + hourMs).toISOString().slice(0, 19)}>`,
};
const saidMs = Date.parse('2026-11-29T00:10:00Z');

test('moments in a sentence of a cluster are those that the console shows', () => {
  const said = (text: string) => withMoments(text, saidMs, formats);
  expect(said('until 2026-11-29T08:19:38.378Z: reads go elsewhere')).toBe(
    'until <2026-11-29T09:19>: reads go elsewhere',
  );
  expect(said('to 2026-11-29 08:19:38 UTC.')).toBe('to <2026-11-29T09:19>.');
  // A time without a day was the last such one.
  expect(said('cut off since 23:59:01 UTC')).toBe('cut off since <2026-11-29T00:59:01>');
  expect(said('cut off since 00:09:59 UTC')).toBe('cut off since <2026-11-29T01:09:59>');
});

test('what only looks like a moment stays', () => {
  for (const text of ['at 0/3000000', '99:99:99 UTC', '2026-99-99T00:00:00Z', 'it took 08:19:38'])
    expect(withMoments(text, saidMs, formats)).toBe(text);
});
