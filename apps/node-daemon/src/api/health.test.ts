import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
import { describe, expect, test } from 'vitest';
import {
  clusterView,
  type HealthInput,
  type HealthPath,
  healthPaths,
  isHealthy,
  parseBytes,
} from './health.ts';

const report = (parts: Partial<NodeReport>) =>
  ({ name: 'node-1', kind: 'data', raft: null, ...parts }) as NodeReport;
const node = (parts: Partial<NodeStatus>) =>
  ({ name: 'node-1', sync: 'quorum', lagBytes: 0, ...parts }) as NodeStatus;
const status = (parts: Partial<NodeStatus>) => ({ name: 'demo', nodes: [node(parts)] }) as ClusterStatus;

/** Of a cluster whose synchronous set is `standbys`. */
function agreed(standbys: string[], isInMaintenance = false, noLoadBalance = false): ClusterState {
  const maintenance = isInMaintenance ? { reason: '', sinceMs: 0, untilMs: null, by: 'ada' } : null;
  return {
    members: { 'node-1': { maintenance, policy: { noLoadBalance } } },
    syncSet: { standbys },
  } as unknown as ClusterState;
}

const healthyPaths = (input: HealthInput): HealthPath[] =>
  healthPaths.filter((path) => isHealthy(path, input));

describe('what a load balancer is told', () => {
  test.each([
    [
      'a primary',
      report({ role: 'primary', state: 'running' }),
      ['/health', '/primary', '/read-only', '/readiness', '/liveness'],
    ],
    [
      'a synchronous standby',
      report({ role: 'standby', state: 'streaming' }),
      ['/health', '/replica', '/read-only', '/sync', '/readiness', '/liveness'],
    ],
    ['a primary that is being promoted', report({ role: 'primary', state: 'promoting' }), ['/liveness']],
    ['a node without PostgreSQL', report({ role: 'none', state: 'stopped' }), ['/liveness']],
    [
      'a standby that lost its upstream',
      report({ role: 'standby', state: 'catching-up' }),
      ['/health', '/liveness'],
    ],
    [
      'a standby that serves reads without a quorum, whatever its lag was',
      report({ role: 'standby', state: 'read-only' }),
      ['/health', '/read-only', '/liveness'],
    ],
    [
      'a former primary whose clients are shut out',
      report({ role: 'standby', state: 'fenced' }),
      ['/liveness'],
    ],
  ])('%s', (_, seen, expected) => {
    expect(healthyPaths({ report: seen, state: agreed(['node-1']) })).toEqual(expected);
  });

  test('a standby outside the synchronous set is a replica all the same', () => {
    const seen = report({ role: 'standby', state: 'streaming' });
    const expected = ['/health', '/replica', '/read-only', '/readiness', '/liveness'];
    expect(healthyPaths({ report: seen, state: agreed(['node-2']) })).toEqual(expected);
    expect(healthyPaths({ report: seen, state: null })).toEqual(expected);
  });

  test('a standby in maintenance takes no reads', () => {
    const seen = report({ role: 'standby', state: 'streaming' });
    const input = { report: seen, state: agreed(['node-1'], true) };
    expect(healthyPaths(input)).toEqual(['/health', '/readiness', '/liveness']);
    const alone = { ...input, report: report({ role: 'standby', state: 'read-only' }) };
    expect(healthyPaths(alone)).toEqual(['/health', '/liveness']);
  });

  test('a standby that was set to take no reads takes none', () => {
    const seen = report({ role: 'standby', state: 'streaming' });
    const input = { report: seen, state: agreed(['node-1'], false, true) };
    expect(healthyPaths(input)).toEqual(['/health', '/readiness', '/liveness']);
  });

  test('a witness is ready once it knows a leader, and serves nothing', () => {
    const leaderless = { role: 'follower', leader: null } as NodeReport['raft'];
    const led = { role: 'follower', leader: 'node-1' } as NodeReport['raft'];
    const pathsWith = (raft: NodeReport['raft']) =>
      healthyPaths({
        report: report({ kind: 'witness', role: 'witness', state: 'voting', raft }),
        state: null,
      });
    expect([null, leaderless, led].map(pathsWith)).toEqual([
      ['/liveness'],
      ['/liveness'],
      ['/readiness', '/liveness'],
    ]);
  });

  test('a lag limit refuses a standby that is behind, and one whose lag is unknown', () => {
    const seen = report({ role: 'standby', state: 'streaming' });
    const within = (lagBytes: number | null) =>
      isHealthy('/replica', { report: seen, state: null }, { bytesMax: 1000, lagBytes });
    expect([within(1000), within(1001), within(null)]).toEqual([true, false, false]);
  });
});

test.each([
  ['10MB', 10 * 1024 * 1024],
  ['512kB', 512 * 1024],
  ['4096', 4096],
  ['1 GB', 1024 ** 3],
  ['-1', null],
  ['ten', null],
  ['1e9', null],
])('%s is %s bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test('Patroni’s /cluster lists the members under the names its scripts know', () => {
  const seen = status({
    role: 'primary',
    address: '127.0.0.1:5501',
    state: 'running',
    api: 'http://127.0.0.1:7101',
    timeline: 3,
  });
  expect(clusterView(seen)).toMatchObject({
    scope: 'demo',
    members: [{ name: 'node-1', role: 'leader', host: '127.0.0.1', port: 5501, timeline: 3 }],
  });
  expect(clusterView(null)).toEqual({ members: [] });
});
