import { expect, test } from 'vitest';
import { wordsOfOperation } from './kinds.ts';

test('an operation is called by words, with what it was about; one that is not known by its own name', () => {
  expect(wordsOfOperation({ kind: 'restart-node', params: { node: 'node-2' } })).toBe(
    'Restart PostgreSQL · node-2',
  );
  expect(wordsOfOperation({ kind: 'start-backup', params: { kind: 'backup', type: 'full' } })).toBe(
    'Back up · full',
  );
  expect(wordsOfOperation({ kind: 'start-backup', params: { kind: 'drill' } })).toBe('Restore drill');
  expect(wordsOfOperation({ kind: 'switchover', params: { to: null } })).toBe('Switch over');
  expect(wordsOfOperation({ kind: 'of-tomorrow', params: {} } as never)).toBe('of-tomorrow');
});
