import { expect, it } from 'vitest';
import { hasArrived } from './restore-point.ts';

it('a point that was set before a decider was lost has left only when its segment has', () => {
  const point = { timeline: 2, lsn: '0/5000100' };
  const segmentBytes = 16 * 1024 * 1024;
  expect(hasArrived(point, '000000020000000000000004', segmentBytes)).toBe(false);
  expect(hasArrived(point, '00000002.history', segmentBytes)).toBe(false);
  expect(hasArrived(point, null, segmentBytes)).toBe(false);
  expect(hasArrived(point, '000000020000000000000005', segmentBytes)).toBe(true);
  expect(hasArrived(point, '000000020000000000000005.00000028.backup', segmentBytes)).toBe(true);
});
