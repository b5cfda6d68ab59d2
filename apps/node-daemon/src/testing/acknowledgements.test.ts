import { describe, expect, it } from 'vitest';
import { Acknowledgements } from './acknowledgements.ts';

function record(...rows: [node: string, timeline: number, sentMs: number, answeredMs: number][]) {
  const acknowledgements = new Acknowledgements();
  for (const [index, [node, timeline, sentMs, answeredMs]] of rows.entries())
    acknowledgements.add({ value: index, node, timeline, sentMs, answeredMs });
  return acknowledgements;
}

describe('what the checker of partitions finds', () => {
  it('is nothing when a new primary takes over', () => {
    const seen = record(['a', 2, 0, 1], ['a', 2, 10, 11], ['b', 3, 20, 21], ['b', 3, 30, 31]);
    expect(seen.late()).toEqual([]);
    expect(seen.sharedTimelines()).toEqual([]);
  });

  it('is the old primary that acknowledges a row sent after the new one has acknowledged', () => {
    const seen = record(['a', 2, 0, 1], ['b', 3, 20, 21], ['a', 2, 22, 23]);
    expect(seen.late()).toMatchObject([{ node: 'a', sentMs: 22 }]);
  });

  it('is the same when the answers were noted in another order', () => {
    const seen = record(['a', 2, 22, 23], ['b', 3, 30, 31], ['b', 3, 20, 21]);
    expect(seen.late()).toMatchObject([{ node: 'a', sentMs: 22 }]);
  });

  it('is nothing when the old primary answers late what was sent before', () => {
    const seen = record(['b', 3, 20, 21], ['a', 2, 19, 40]);
    expect(seen.late()).toEqual([]);
  });

  it('is two nodes that acknowledge on one timeline', () => {
    const seen = record(['a', 2, 0, 1], ['b', 2, 2, 3], ['c', 3, 4, 5]);
    expect(seen.sharedTimelines()).toEqual([2]);
  });

  it('is the longest pause, from the beginning and to the end', () => {
    const seen = record(['a', 2, 0, 10], ['a', 2, 11, 30], ['a', 2, 31, 35]);
    expect(seen.longestPauseMs(0, 40)).toBe(20);
    expect(seen.longestPauseMs(0, 100)).toBe(65);
    expect(seen.longestPauseMs(100, 150)).toBe(50);
  });

  it('counts what was sent since a moment', () => {
    const seen = record(['a', 2, 0, 12], ['a', 2, 10, 11], ['b', 3, 20, 21]);
    expect(seen.countsSince(10)).toEqual({ a: 1, b: 1 });
  });
});
