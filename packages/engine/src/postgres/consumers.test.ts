import type pg from 'pg';
import { expect, test } from 'vitest';
import { renderSynchronous } from '../replication/synchronous.ts';
import { type Consumer, ImpostorMemory, impostorsIn } from './consumers.ts';

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

const looks = (consumers: Consumer[]) => ({
  isInRecovery: false,
  synchronousStandbyNames,
  consumers,
});
const answers = { query: async () => undefined } as unknown as Pick<pg.Pool, 'query'>;

test('I-SYNC-11: an impostor that was ended at one look is told of for a minute, and one name counts once', async () => {
  const memory = new ImpostorMemory();
  const impostor = { pid: 1, name: 'node-2', role: 'reader' };
  await memory.end(answers, looks([impostor]), 0);
  expect(memory.lately(59_000)).toEqual([impostor]);
  await memory.end(answers, looks([{ ...impostor, pid: 2 }]), 60_000);
  expect(memory.lately(60_000).map(({ pid }) => pid)).toEqual([2]);
  expect(memory.lately(120_001)).toEqual([]);
});

test('I-SYNC-11: one is told of also when nobody heard that it was ended', async () => {
  const memory = new ImpostorMemory();
  const fails = { query: () => Promise.reject(new Error('timeout')) } as unknown as Pick<pg.Pool, 'query'>;
  const impostor = { pid: 1, name: 'node-2', role: 'reader' };
  await expect(memory.end(fails, looks([impostor]), 0)).rejects.toThrow('timeout');
  expect(memory.lately(1000)).toEqual([impostor]);
});

test('I-SYNC-11: however many names there are, twenty are remembered', async () => {
  const memory = new ImpostorMemory();
  const many = Array.from({ length: 30 }, (_, pid) => ({ pid, name: 'node-2', role: `reader ${pid}` }));
  await memory.end(answers, looks(many), 0);
  expect(memory.lately(0)).toHaveLength(20);
});
