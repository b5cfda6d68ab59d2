import { expect, test } from 'vitest';
import { appendLooks, type Look, ratesOf, type Traffic, toneOf, troubleOf } from './traffic.ts';

const quiet: Traffic = {
  clients: 1,
  busy: 0,
  waiting: 0,
  isDraining: false,
  servers: 1,
  counters: {},
  settings: null,
};

function look(atMs: number, counters: Record<string, number>, node = 'node-1'): Look {
  return { atMs, node, traffic: { ...quiet, counters } };
}

test('rates are what was counted between two looks, per second', () => {
  const looks = [
    look(1000, { statements: 100, transactions: 50, replicaReads: 0, waits: 0, waitMsTotal: 0 }),
    look(3000, { statements: 300, transactions: 150, replicaReads: 50, waits: 4, waitMsTotal: 100 }),
  ];
  expect(ratesOf(looks, 'node-1')).toEqual({
    statements: 100,
    transactions: 50,
    replicaShare: 0.25,
    waitMs: 25,
  });
  expect(ratesOf(looks, 'node-2')).toBeNull();
  expect(ratesOf(looks.slice(1), 'node-1')).toBeNull();
});

test('a router that began to count anew has no rate across its start', () => {
  const looks = [
    look(1000, { statements: 500 }),
    look(2000, { statements: 3 }),
    look(3000, { statements: 13 }),
  ];
  expect(ratesOf(looks.slice(0, 2), 'node-1')).toBeNull();
  expect(ratesOf(looks.slice(1), 'node-1')?.statements).toBe(10);
});

test('only the last looks are kept', () => {
  const router = { node: 'node-1', address: 'a:1', traffic: quiet };
  const looks = appendLooks([look(0, {})], [router, { ...router, node: 'old', traffic: null }], 400_000);
  expect(looks.map(({ atMs, node }) => [atMs, node])).toEqual([[400_000, 'node-1']]);
});

test('what clients do not like to hear is told in words, and nothing else', () => {
  expect(troubleOf({ ...quiet, counters: { statements: 5, aborted: 2, unresolved: 0 } })).toEqual([
    '2 transactions ended because their server was lost (40001)',
  ]);
  expect(toneOf({ node: 'a', address: '', traffic: { ...quiet, waiting: 3 } })).toEqual({
    tone: 'warning',
    words: '3 waiting',
  });
});
