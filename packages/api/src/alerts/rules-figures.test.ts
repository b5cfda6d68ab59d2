import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { expect, test } from 'vitest';
import type { KnownCluster } from './known.ts';
import { effectiveRule, ruleOf } from './rules.ts';

test('a disk that fills is told of when it was watched for long enough, or when it is full very soon', () => {
  const rule = ruleOf('disk-full-soon');
  if (rule?.of !== 'cluster') throw new Error('no such rule');
  const { limits } = effectiveRule(rule, new Map(), null);
  const status = { nodes: [] } as unknown as ClusterStatus;
  const rest = { clusterId: 'c', name: 'demo', ageMs: 0, backups: null, failovers: [], operations: [] };
  const told = (diskFullSeconds: number, watched: { diskTrendSeconds?: number }) => {
    const figures = new Map([['node-1', { diskFullSeconds, ...watched }]]);
    const cluster: KnownCluster = { ...rest, status, figures };
    return rule.look(cluster, { nowMs: 0, limits, stands: () => false }).findings.length;
  };
  expect(told(7200, { diskTrendSeconds: 200 })).toBe(0);
  expect(told(7200, { diskTrendSeconds: 599 })).toBe(0);
  expect(told(7200, { diskTrendSeconds: 600 })).toBe(1);
  expect(told(590, { diskTrendSeconds: 200 })).toBe(1);
  // As releases tell it that do not say for how long.
  expect(told(7200, {})).toBe(1);
});
