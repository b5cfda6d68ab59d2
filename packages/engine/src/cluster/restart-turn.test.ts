import { expect, test } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { Observation } from './database.ts';
import { RestartTurn } from './restart-turn.ts';

const stateWith = (count: number) =>
  ({
    operation: null,
    failover: null,
    reign: { epoch: 1, timeline: 2 },
    timelines: [{ id: 2, status: 'recorded' }],
    syncSet: { standbys: ['b', 'c'], count },
  }) as unknown as ClusterState;
const streaming = (...names: string[]) =>
  ({ standbys: names.map((name) => ({ name, state: 'streaming' })) }) as unknown as Observation;

test('I-SLOT-5: one standby restarts at a time, and none that commits would wait for', () => {
  const turn = new RestartTurn();
  const both = { state: stateWith(1), observation: streaming('b', 'c'), nowMs: 0 };
  expect(turn.take('b', { ...both, observation: streaming('b') })).toContain('writes would wait');
  expect(turn.take('b', { ...both, observation: null })).toContain('writes would wait');
  expect(turn.take('b', both)).toBeNull();
  expect(turn.take('c', both)).toBe('b restarts first');
  expect(turn.take('c', { ...both, observation: streaming('c'), nowMs: 20_000 })).toContain('writes');
  expect(turn.take('c', { ...both, nowMs: 20_000 })).toBeNull();
});

test('I-SLOT-5: nothing restarts by itself while an operation or a failover runs', () => {
  const seen = { observation: streaming('b', 'c'), nowMs: 0 };
  const busy = { ...stateWith(1), operation: { kind: 'switchover' } } as unknown as ClusterState;
  expect(new RestartTurn().take('b', { ...seen, state: busy })).toContain('under way');
  const electing = { ...stateWith(1), failover: { state: 'SEAL' } } as unknown as ClusterState;
  expect(new RestartTurn().take('b', { ...seen, state: electing })).toContain('under way');
});
