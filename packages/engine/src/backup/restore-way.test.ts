import { expect, it } from 'vitest';
import { operationStartSchema } from '../contract/operations.ts';
import { restoreIntoStartSchema } from '../contract/restore.ts';
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

it('what a console of the former release has confirmed names no way, and is not refused for that', () => {
  const endpoint = { host: '10.0.0.9', port: 5432 };
  const target = { kind: 'time', atMs: 1, inclusive: true };
  // As that release sent them: the hash is of the plan that a host of today made for it.
  const inPlace = operationStartSchema.parse({
    request: { kind: 'restore-in-place', target, confirm: 'demo', insist: false },
    ...{ planHash: 'f00d', requestedBy: 'anna', reason: 'a mistake' },
  });
  const into = restoreIntoStartSchema.parse({
    host: { name: 'spare-1', addresses: { raft: endpoint, api: endpoint, postgres: endpoint } },
    ...{ cluster: 'copy', target, planHash: 'f00d', requestedBy: 'anna', reason: '' },
  });
  expect([inPlace.way, into.way]).toEqual([undefined, undefined]);
  expect(otherWay(inPlace.way, seen)).toBeNull();
  expect(otherWay(into.way, { ...seen, timeline: 9 })).toBeNull();
});
