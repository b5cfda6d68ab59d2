import { expect, it } from 'vitest';
import { durationWords, listWords, someOfWords, timeWords } from './words.ts';

it('says times in a zone that everybody knows', () => {
  expect(timeWords(Date.UTC(2026, 0, 2, 12, 3, 4, 999))).toBe('12:03:04 UTC');
});

it('says lists as people do', () => {
  expect(listWords([], 'and')).toBe('none');
  expect(listWords(['a'], 'and')).toBe('a');
  expect(listWords(['a', 'b', 'c'], 'or')).toBe('a, b or c');
});

it('says how many of some nodes are needed', () => {
  expect(someOfWords(['a', 'b'], 1)).toBe('a or b');
  expect(someOfWords(['a', 'b'], 2)).toBe('a and b');
  expect(someOfWords(['a', 'b', 'c', 'd'], 2)).toBe('2 of a, b, c, d');
});

it('says times in the largest unit that says them exactly', () => {
  const words = [250, 5000, 90_000, 5_400_000, 3_600_000, 172_800_000].map(durationWords);
  expect(words).toEqual(['250 ms', '5 s', '90 s', '90 min', '1 h', '2 d']);
});
