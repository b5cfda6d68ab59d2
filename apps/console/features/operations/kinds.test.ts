import { expect, test } from 'vitest';
import { wordsOfEvent, wordsOfOperation } from './kinds.ts';

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

test('so is one of which the cluster tells, and nothing else of the sentence changes', () => {
  expect(wordsOfEvent('set-maintenance started by kim.')).toBe('“Maintenance” started by kim.');
  expect(wordsOfEvent('switchover is done.')).toBe('“Switch over” is done.');
  expect(wordsOfEvent('add-node failed: the host is gone')).toBe('“Add a node” failed: the host is gone');
  expect(wordsOfEvent('kim wants add-node to stop.')).toBe('kim wants “Add a node” to stop.');
  for (const other of ['of-tomorrow is done.', 'node-2 is primary; epoch 2.', 'switchover'])
    expect(wordsOfEvent(other)).toBe(other);
});
