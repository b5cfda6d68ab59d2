import { expect, test } from 'vitest';
import {
  type CopyStanding,
  freshStanding,
  guardOf,
  type LogicalSlot,
  logicalMoves,
  whyNotReady,
  xidPrecedes,
} from './logical-moves.ts';

const slot = (name: string, confirmedLsn: string, others: Partial<LogicalSlot> = {}): LogicalSlot => ({
  ...{ name, confirmedLsn, plugin: 'pgoutput', database: 'app', twoPhase: false },
  ...{ restartLsn: '0/1000', catalogXmin: 700, isLost: false },
  ...others,
});
const proven: CopyStanding = { guard: 700, isAdvanced: true, problem: null };

test('I-SLOT-3: copies are made, moved to where the consumer is and no further, and go with their originals', () => {
  const local = [slot('behind', '0/5000'), slot('ahead', '0/9000'), slot('gone', '0/1')];
  const offered = [slot('behind', '0/7000'), slot('ahead', '0/8000'), slot('new', '0/1')];
  const moves = logicalMoves(local, offered);
  expect(moves.copy.map(({ name }) => name)).toEqual(['new']);
  expect(moves.advance).toEqual([{ name: 'behind', database: 'app', toLsn: '0/7000' }]);
  expect(moves.drop).toEqual(['gone']);
});

test('I-SLOT-3: a copy of another kind than its original, or that is lost, goes', () => {
  const local = [slot('feed', '0/1', { plugin: 'test_decoding' }), slot('late', '0/1', { isLost: true })];
  expect(logicalMoves(local, [slot('feed', '0/1'), slot('late', '0/1')]).drop).toEqual(['feed', 'late']);
});

test('I-SLOT-4: the guard is the original’s catalog_xmin once the physical slot protects the copy, and falls with it', () => {
  const copy = slot('feed', '0/1', { catalogXmin: 700 });
  const offer = { slots: [slot('feed', '0/1', { catalogXmin: 710 })], heldXmin: 700 };
  expect(guardOf(copy, { ...offer, heldXmin: null }, null)).toBeNull();
  expect(guardOf(copy, { ...offer, heldXmin: 705 }, null)).toBeNull();
  expect(guardOf(undefined, offer, null)).toBeNull();
  expect(guardOf(copy, offer, null)).toBe(710);
  expect(guardOf(copy, offer, 705)).toBe(705);
  expect(guardOf(copy, { ...offer, heldXmin: null }, 705)).toBeNull();
});

test('I-SLOT-4: a copy is ready when it is protected, needs nothing from before that, was moved along, and is not ahead', () => {
  const original = slot('feed', '0/5000');
  expect(whyNotReady(original, slot('feed', '0/5000'), proven)).toBeNull();
  expect(whyNotReady(original, undefined, freshStanding)).toContain('no copy');
  expect(whyNotReady(original, slot('feed', '0/5000'), freshStanding)).toContain('hot_standby_feedback');
  expect(whyNotReady(original, slot('feed', '0/6000'), proven)).toContain('ahead of its consumer');
  const early = slot('feed', '0/5000', { catalogXmin: 699 });
  expect(whyNotReady(original, early, proven)).toContain('may have removed');
  expect(whyNotReady(original, slot('feed', '0/5000'), { ...proven, isAdvanced: false })).toContain('moved');
});

test('transaction ids are compared around the wrap', () => {
  expect(xidPrecedes(4_294_967_290, 5)).toBe(true);
  expect(xidPrecedes(5, 4_294_967_290)).toBe(false);
  expect(xidPrecedes(5, 5)).toBe(false);
});
