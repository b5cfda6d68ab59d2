import { expect, test } from 'vitest';
import { conflictsOf, type NodeReplication, outlookOf, sendersByName, slotRows } from './slots.ts';

const slot = {
  ...{ name: 's', kind: 'physical' as const, database: null, isActive: false, walStatus: 'extended' },
  ...{ keptBytes: 100, safeBytes: null, isCopy: false },
};
const disk = { diskFreeBytes: 360_000, walBytesPerSecond: 10 };

test('a slot that nobody reads fills the disk, at the rate at which WAL is written', () => {
  expect(outlookOf(slot, disk)).toEqual({ words: 'disk full in 10 h 0 min', tone: 'critical' });
  expect(outlookOf(slot, { ...disk, diskFreeBytes: 3_600_000 }).tone).toBe('warning');
  expect(outlookOf(slot, { ...disk, walBytesPerSecond: 0 }).words).toBe('no WAL is written now');
  expect(outlookOf(slot, { ...disk, diskFreeBytes: 1e9 }).words).toBe('disk full in more than a month');
  expect(outlookOf(slot, {}).words).toBe('not known');
});

test('with a limit it is the slot that loses, not the disk', () => {
  expect(outlookOf({ ...slot, safeBytes: 600 }, disk).words).toBe('may lose its WAL in 1 min 0 s');
  expect(outlookOf({ ...slot, safeBytes: -1 }, disk).words).toBe('may lose its WAL any time');
  expect(outlookOf({ ...slot, walStatus: 'lost' }, disk)).toEqual({
    words: 'has lost its WAL',
    tone: 'critical',
  });
});

test('a copy on a standby is moved along, and stands last', () => {
  const copy = { ...slot, name: 'quantadb_c', keptBytes: 1e9 };
  const told = { senders: [], receiver: null, conflicts: null };
  const nodes = [
    { node: 'b', problem: null, told: { ...told, isStandby: true, slots: [copy] } },
    { node: 'a', problem: null, told: { ...told, isStandby: false, slots: [slot] } },
  ] as unknown as NodeReplication[];
  const rows = slotRows(nodes);
  expect(rows.map(({ node, isCopy }) => [node, isCopy])).toEqual([
    ['a', false],
    ['b', true],
  ]);
  expect(rows.map((row) => outlookOf(row, disk).tone)).toEqual(['critical', 'muted']);
});

test('a slot that is read moves on', () => {
  expect(outlookOf({ ...slot, isActive: true }, disk).tone).toBe('good');
});

test('what several servers say is put together; one that does not answer says nothing', () => {
  const told = { isStandby: false, receiver: null, conflicts: null };
  const nodes = [
    {
      node: 'a',
      problem: null,
      told: { ...told, senders: [{ name: 'b' }], slots: [slot, { ...slot, name: 't', keptBytes: 9e8 }] },
    },
    {
      node: 'b',
      problem: null,
      told: { ...told, senders: [], slots: [], conflicts: { lock: 2, snapshot: 0 } },
    },
    { node: 'c', problem: 'away', told: null },
  ] as unknown as NodeReplication[];
  expect(slotRows(nodes).map(({ node, name }) => `${node} ${name}`)).toEqual(['a t', 'a s']);
  expect(sendersByName(nodes).get('b')?.from).toBe('a');
  expect(nodes.map(conflictsOf)).toEqual([null, { total: 2, words: 'lock: 2' }, null]);
});
