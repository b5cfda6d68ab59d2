import type { Operation } from '@quantadb/engine/contract/cluster-state';
import { expect, it } from 'vitest';
import { UntoldOperations } from './untold-operations.ts';

const operation = (id: string, state: Operation['state']): Operation => ({
  ...{ id, kind: 'switchover', state, params: {}, requestedBy: 'a', reason: '', steps: [], error: null },
  ...{ startedAtMs: 0, endedAtMs: state === 'running' ? null : 1 },
});
const told = (untold: UntoldOperations, ...recent: Operation[]) => untold.of(recent).map(({ id }) => id);

it('goes on telling of what runs, and of what has ended until it is confirmed', () => {
  const untold = new UntoldOperations();
  const [ended, running] = [operation('a', 'done'), operation('b', 'running')];
  expect(told(untold, ended, running)).toEqual(['a', 'b']);
  expect(told(untold, ended, running)).toEqual(['a', 'b']);
  untold.confirmed([ended, running]);
  expect(told(untold, ended, running)).toEqual(['b']);
  expect(told(untold, ended, operation('b', 'failed'))).toEqual(['b']);
});

it('tells of everything again on another connection', () => {
  const untold = new UntoldOperations();
  untold.confirmed([operation('a', 'cancelled')]);
  expect(told(untold, operation('a', 'cancelled'))).toEqual([]);
  untold.forget();
  expect(told(untold, operation('a', 'cancelled'))).toEqual(['a']);
});
