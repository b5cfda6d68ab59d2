import { expect, test } from 'vitest';
import { type LocalSlot, slotMoves } from './slot-mirror.ts';

const slot = (name: string, restartLsn: string | null, others: Partial<LocalSlot> = {}): LocalSlot => ({
  ...{ name, restartLsn, active: false, isLost: false },
  ...others,
});
const moves = (local: LocalSlot[], kept: [string, string][], copies: string[] = []) =>
  slotMoves({
    local,
    kept: kept.map(([name, restartLsn]) => ({ name, restartLsn })),
    copies: new Set(copies),
  });

test('what the primary keeps is kept here too, and no further back', () => {
  const local = [slot('quantadb_node_2', '0/5000'), slot('consumer', '0/9000')];
  const kept: [string, string][] = [
    ['quantadb_node_2', '0/7000'],
    ['consumer', '0/8000'],
    ['other', '0/1000'],
  ];
  expect(moves(local, kept)).toEqual({
    create: ['other'],
    advance: [{ name: 'quantadb_node_2', restartLsn: '0/7000' }],
    drop: [],
  });
});

test('only copies and slots of members go when the primary has them no more', () => {
  const local = [slot('quantadb_node_9', '0/1'), slot('copy', '0/1'), slot('made_here', '0/1')];
  expect(moves(local, [], ['copy'])).toEqual({
    create: [],
    advance: [],
    drop: ['quantadb_node_9', 'copy'],
  });
});

test('a slot in use is left alone; a lost one is made anew', () => {
  const busy = slot('consumer', '0/1', { active: true });
  expect(moves([busy], [['consumer', '0/5']])).toEqual({ create: [], advance: [], drop: [] });
  expect(moves([busy], [], ['consumer']).drop).toEqual([]);
  expect(moves([slot('consumer', null, { isLost: true })], [['consumer', '0/5']]).create).toEqual([
    'consumer',
  ]);
});
