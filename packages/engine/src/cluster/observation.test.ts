import { expect, test } from 'vitest';
import type { ServerSample } from '../postgres/sample.ts';
import { renderSynchronous } from '../replication/synchronous.ts';
import { ImpostorMemory } from './observation.ts';

const { synchronousStandbyNames } = renderSynchronous({ standbys: ['node-2'], count: 1 }, 'quorum');
const looks = (consumers: ServerSample['consumers']) =>
  ({ isInRecovery: false, synchronousStandbyNames, consumers }) as ServerSample;

test('I-SYNC-11: an impostor that was ended at one look is told of for a minute, and one name counts once', () => {
  const memory = new ImpostorMemory();
  const impostor = { pid: 1, name: 'node-2', role: 'reader' };
  expect(memory.look(looks([impostor]), 0)).toEqual([impostor]);
  expect(memory.look(looks([]), 59_000)).toEqual([impostor]);
  expect(memory.look(looks([{ ...impostor, pid: 2 }]), 60_000).map(({ pid }) => pid)).toEqual([2]);
  expect(memory.look(looks([]), 120_001)).toEqual([]);
});

test('I-SYNC-11: however many names there are, twenty are remembered', () => {
  const memory = new ImpostorMemory();
  const many = Array.from({ length: 30 }, (_, pid) => ({ pid, name: 'node-2', role: `reader ${pid}` }));
  expect(memory.look(looks(many), 0)).toHaveLength(20);
});
