import { expect, test } from 'vitest';
import { isDue } from './gather.ts';

test('backups are asked for each minute, and soon after something was agreed on', () => {
  const last = { atMs: 100_000, revision: 7 };
  expect(isDue({ revision: 7 }, undefined, 100_000)).toBe(true);
  expect(isDue({ revision: 7 }, last, 159_999)).toBe(false);
  expect(isDue({ revision: 7 }, last, 160_000)).toBe(true);
  expect(isDue({ revision: 8 }, last, 109_999)).toBe(false);
  expect(isDue({ revision: 8 }, last, 110_000)).toBe(true);
});
