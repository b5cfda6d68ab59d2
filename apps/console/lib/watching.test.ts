import type { Watch } from '@quantadb/api/client-types';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Watching } from './watching.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched() {
  const [said, kept]: [Watch[], (readonly string[])[]] = [[], []];
  const watching = new Watching((clusterIds) => void kept.push(clusterIds));
  const connect = () => watching.connected((watch) => void said.push(watch));
  return { watching, said, kept, connect };
}

test('says what is shown, once, when the connection is there', () => {
  const { watching, said, connect } = watched();
  watching.showCluster('a');
  watching.showCluster('a');
  vi.runAllTimers();
  expect(said).toEqual([]);
  connect();
  vi.runAllTimers();
  expect(said).toEqual([{ fleet: false, clusterIds: ['a'] }]);
});

test('says nothing when another page shows the same, and everything again after a lost connection', () => {
  const { watching, said, kept, connect } = watched();
  connect();
  const hide = watching.showCluster('a');
  vi.runAllTimers();
  hide();
  const hideAgain = watching.showCluster('a');
  vi.runAllTimers();
  expect(said).toHaveLength(2);
  connect();
  expect(said).toHaveLength(3);
  hideAgain();
  const hideFleet = watching.showFleet();
  vi.runAllTimers();
  expect(said.at(-1)).toEqual({ fleet: true, clusterIds: [] });
  expect(kept.at(-1)).toEqual([]);
  hideFleet();
  vi.runAllTimers();
  expect(said.at(-1)).toEqual({ fleet: false, clusterIds: [] });
});
