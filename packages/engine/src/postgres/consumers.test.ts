import { expect, test } from 'vitest';
import { renderSynchronous } from '../replication/synchronous.ts';
import { impostorsIn } from './consumers.ts';

const names = ['node-2', 'node-3'];
const { synchronousStandbyNames } = renderSynchronous({ standbys: names, count: 1 }, 'quorum');
const consumers = [
  { pid: 1, name: 'node-2', role: 'reader' },
  { pid: 2, name: 'node-4', role: 'reader' },
  { pid: 3, name: 'warehouse', role: 'etl' },
];

test('I-SYNC-11: whoever bears a name that commits wait for, and is no host, is an impostor', () => {
  const sample = { isInRecovery: false, synchronousStandbyNames, consumers };
  expect(impostorsIn(sample).map(({ pid }) => pid)).toEqual([1]);
  expect(impostorsIn({ ...sample, synchronousStandbyNames: '' })).toEqual([]);
  expect(impostorsIn({ ...sample, isInRecovery: true })).toEqual([]);
});
