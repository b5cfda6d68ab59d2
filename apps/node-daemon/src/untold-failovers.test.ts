import type { Failover } from '@quantadb/engine/contract/cluster-state';
import { failoversPerReportMax } from '@quantadb/engine/contract/link';
import { expect, it } from 'vitest';
import { UntoldFailovers } from './untold-failovers.ts';

const failover = (id: string, state: Failover['state'] = 'DONE'): Failover => ({
  ...{ id, kind: 'failover', epoch: 2, fromEpoch: 1, oldPrimary: 'node-1', preferred: null, state },
  ...{ reason: '', startedAtMs: 0, detection: { silentForMs: null, detail: '' }, votes: [], candidates: [] },
  ...{ candidate: null, blockedBy: null, steps: [], dataLoss: null },
});
const idsOf = (untold: UntoldFailovers, past: Failover[], running: Failover | null = null) =>
  untold.of({ pastFailovers: past, failover: running }).map(({ id }) => id);

it('tells of what happened while nobody listened, until it is confirmed, and again on another connection (I-EXPLAIN-1)', () => {
  const untold = new UntoldFailovers();
  const past = Array.from({ length: failoversPerReportMax + 1 }, (_, at) => failover(`f${at}`));
  const first = untold.of({ pastFailovers: past, failover: null });
  expect(first.map(({ id }) => id)).toEqual(past.slice(0, -1).map(({ id }) => id));
  expect(first[0]).not.toHaveProperty('votes');
  untold.confirmed(first);
  expect(idsOf(untold, past)).toEqual([`f${failoversPerReportMax}`]);
  untold.forget();
  expect(idsOf(untold, past)).toHaveLength(failoversPerReportMax);
});

it('goes on telling of one that has not ended', () => {
  const untold = new UntoldFailovers();
  untold.confirmed(untold.of({ pastFailovers: [], failover: failover('f1', 'SEAL') }));
  expect(idsOf(untold, [], failover('f1', 'PROMOTE'))).toEqual(['f1']);
  untold.confirmed(untold.of({ pastFailovers: [failover('f1')], failover: null }));
  expect(idsOf(untold, [failover('f1')])).toEqual([]);
});
