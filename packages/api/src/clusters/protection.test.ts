import { expect, test } from 'vitest';
import { dangerOf } from './protection.ts';

const three = [
  { name: 'node-1', kind: 'data' },
  { name: 'node-2', kind: 'data' },
  { name: 'witness-1', kind: 'witness' },
] as const;
const removal = (node: string) => ({ kind: 'remove-node', node }) as const;

test('I-PROTECT-1: a protected cluster is kept from what loses its data, and from nothing else', () => {
  const inPlace = { kind: 'restore-in-place' } as Parameters<typeof dangerOf>[0];
  expect(dangerOf(inPlace, { nodes: three, retried: null })).toMatch('gives up');
  expect(dangerOf(removal('node-1'), { nodes: three, retried: null })).toBeNull();
  expect(dangerOf(removal('node-1'), { nodes: [three[0], three[2]], retried: null })).toMatch('last copy');
  expect(dangerOf(removal('witness-1'), { nodes: [three[0], three[2]], retried: null })).toBeNull();
  expect(dangerOf({ kind: 'switchover', to: null }, { nodes: three, retried: null })).toBeNull();
});

test('I-PROTECT-1: a retry is judged by what it goes on with', () => {
  const retry = { kind: 'retry-operation', operation: null } as const;
  expect(dangerOf(retry, { nodes: three, retried: 'restore-in-place' })).toMatch('gives up');
  expect(dangerOf(retry, { nodes: three, retried: 'rolling-restart' })).toBeNull();
});
