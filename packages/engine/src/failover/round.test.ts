import { expect, test } from 'vitest';
import type { Failover, SealVote } from '../contract/cluster-state.ts';
import type { Election } from './decide.ts';
import { earlyStandbys, graceFor, isSuperseding, sealLimits } from './round.ts';

test('I-LIVE-1: rounds that came to nothing give electors more time, up to a bound', () => {
  expect(sealLimits(2000, 0)).toEqual({ deadlineMs: 2000, patienceMs: 1500 });
  expect(sealLimits(2000, 1)).toEqual(sealLimits(2000, 0));
  expect(sealLimits(2000, 2)).toEqual({ deadlineMs: 4000, patienceMs: 3000 });
  expect(sealLimits(2000, 1000)).toEqual({ deadlineMs: 10_000, patienceMs: 7500 });
});

function vote(
  node: string,
  { promotable = true, livePrimary = false } = {},
): Extract<SealVote, { ok: true }> {
  const position = { timeline: 1, lsn: '0/3000000' };
  const why = promotable ? null : 'its PostgreSQL is not running';
  return { ok: true, node, position, history: [], promotable, whyNotPromotable: why, livePrimary };
}

test('a candidate is granted at once when the standbys its commits wait for have voted, and waits for them else', () => {
  const candidate = vote('node-2');
  const votes: SealVote[] = [vote('node-1', { promotable: false }), candidate];
  const election: Election = {
    ...{ kind: 'promote', candidate: 'node-2', parentTimeline: 1, vote: candidate, verdicts: [] },
  };
  expect(earlyStandbys(votes, 'node-2')).toEqual([]);
  const round = { election, votes, pending: ['node-3'], count: 1 };
  expect(graceFor(round)).toBe(300);
  expect(graceFor({ ...round, pending: [] })).toBe(30);
  expect(graceFor({ ...round, count: 0 })).toBe(30);
  expect(graceFor({ ...round, votes: [...votes, vote('node-3')] })).toBe(30);
  expect(earlyStandbys([...votes, vote('node-3')], 'node-2')).toEqual(['node-3']);
});

test('a reign is given up while its successor is elected, and not once that has been blocked', () => {
  const failover = { epoch: 4, state: 'SEAL' } as Failover;
  expect(isSuperseding(failover, 3)).toBe(true);
  expect(isSuperseding(failover, 4)).toBe(false);
  expect(isSuperseding({ ...failover, state: 'NO_SAFE_CANDIDATE' }, 3)).toBe(false);
  expect(isSuperseding({ ...failover, state: 'REJOIN' }, 3)).toBe(false);
  expect(isSuperseding(null, 3)).toBe(false);
});
