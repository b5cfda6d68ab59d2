import { expect, test } from 'vitest';
import { withMoments, wordsOfOperation } from './kinds.ts';

test('an operation is called by words, with what it was about; one that is not known by its own name', () => {
  expect(wordsOfOperation({ kind: 'restart-node', params: { node: 'node-2' } })).toBe(
    'Restart PostgreSQL · node-2',
  );
  expect(wordsOfOperation({ kind: 'switchover', params: { to: null } })).toBe('Switch over');
  expect(wordsOfOperation({ kind: 'of-tomorrow', params: {} } as never)).toBe('of-tomorrow');
});

test('moments in a sentence of a cluster are those that the console shows', () => {
  const text = 'until 2026-11-29T08:19:38.378Z: reads go elsewhere';
  expect(withMoments(text, (at) => `<${at.slice(11, 16)}>`)).toBe('until <08:19>: reads go elsewhere');
});
