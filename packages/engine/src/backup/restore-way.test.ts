import { expect, it } from 'vitest';
import { otherWay, wayOf } from './restore-way.ts';

const seen = { label: '20261127-010000F', timeline: 2 };

it('a restore that was confirmed goes the way of its plan, or says which one there is instead', () => {
  expect(otherWay(seen, wayOf({ ...seen }))).toBeNull();
  expect(otherWay(undefined, seen)).toBeNull();
  expect(otherWay(seen, { ...seen, timeline: 3 })).toBe(
    'the plan was to restore 20261127-010000F along timeline 2; by now it would be 20261127-010000F along timeline 3',
  );
  expect(otherWay(seen, undefined)).toContain('does not lead there any more');
});
