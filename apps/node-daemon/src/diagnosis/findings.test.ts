import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { expect, test } from 'vitest';
import { type ClusterFacts, findingsText, judgeDiagnosis } from './findings.ts';

const nowMs = 1_800_000_000_000;
const gigabyte = 1024 ** 3;

function host(
  change: { version?: string; fsyncMsMax?: number; freeBytes?: number; certificateUntilMs?: number } = {},
) {
  const {
    version = '0.1.0',
    fsyncMsMax = 4,
    freeBytes = 50 * gigabyte,
    certificateUntilMs = nowMs + 1e10,
  } = change;
  const raft = { appliedIndex: 10, fsyncMsMax, loopDelayMsMax: 3 };
  return {
    report: { version, raft, vitals: null, degraded: null, certificateUntilMs },
    machine: { memoryTotalBytes: 8 * gigabyte, memoryFreeBytes: 4 * gigabyte },
    volumes: [{ holds: 'data', directory: '/data', totalBytes: 100 * gigabyte, freeBytes }],
  } as unknown as HostDiagnosis;
}

function cluster(change: Partial<ClusterFacts> = {}, status: Partial<ClusterStatus> = {}): ClusterFacts {
  const node = { name: 'node-1', state: 'running', detail: '', pendingRestart: [], troubles: [] };
  const healthy = {
    ...{ name: 'demo', health: 'healthy', verdict: 'Healthy.', advice: null, noQuorum: null, network: null },
    ...{ spare: { nodes: 1, isPrimaryAlone: false }, nodes: [node], ...status },
  } as unknown as ClusterStatus;
  const backups = { config: {}, problem: null, archiving: null } as unknown as ClusterFacts['backups'];
  const hosts = [{ name: 'node-1', told: host() }];
  return { name: 'demo', status: healthy, alerts: null, operations: [], hosts, backups, ...change };
}

const judge = (clusters: ClusterFacts[], unanswered: { what: string; why: string }[] = []) =>
  judgeDiagnosis({ clusters, unanswered, nowMs });

test('a cluster that is well is called well', () => {
  expect(judge([cluster()])).toEqual([]);
  expect(findingsText([])).toContain('Nothing looks wrong');
});

test('what was not answered is a finding: nothing is called well that was not looked at', () => {
  const findings = judge([cluster()], [{ what: 'node-2', why: 'it does not answer' }]);
  expect(findings).toMatchObject([
    { severity: 'warning', about: 'node-2', what: expect.stringContaining('could not be asked') },
  ]);
  expect(findingsText(findings)).not.toContain('Nothing looks wrong');
});

test('the worst comes first, and everything has a next step', () => {
  const nodes = [
    { name: 'node-1', state: 'running', detail: '', pendingRestart: ['shared_buffers'] },
    {
      name: 'node-2',
      state: 'unreachable',
      detail: 'its daemon does not answer',
      pendingRestart: [],
      troubles: [],
    },
    { name: 'node-3', state: 'waiting', detail: 'its WAL is not proven', pendingRestart: [], troubles: [] },
  ] as unknown as ClusterStatus['nodes'];
  const findings = judge([
    cluster(
      {},
      { nodes, health: 'degraded', verdict: 'Degraded.', spare: { nodes: 0, isPrimaryAlone: true } },
    ),
  ]);
  expect(findings.map(({ severity }) => severity)).toEqual([
    'critical',
    'critical',
    'warning',
    'warning',
    'info',
  ]);
  expect(findings.map(({ about }) => about)).toContain('demo/node-2');
  for (const { next } of findings) expect(next.length).toBeGreaterThan(10);
});

test('what a host says of itself counts with and without a console', () => {
  const told = host({ fsyncMsMax: 900, freeBytes: 2 * gigabyte, certificateUntilMs: nowMs - 1 });
  for (const alerts of [null, []]) {
    const words = judge([cluster({ alerts, hosts: [{ name: 'node-1', told }] })]).map(({ what }) => what);
    expect(words.join('\n')).toContain('2.0 % of the volume of its data');
    expect(words.join('\n')).toContain('fsync of the log of the cluster took 900 ms');
    expect(words.join('\n')).toContain('its certificate has expired');
  }
});

test('where the console judges, its alerts are told with their runbook, and nothing is said twice', () => {
  const runbook = { look: ['Which slot is it?'], command: 'quantadb nodes' };
  const alerts = [
    { severity: 'warning' as const, subject: 'node-2', sentence: 'a slot keeps 9 GB', runbook },
  ];
  const findings = judge([cluster({ alerts }, { health: 'degraded', verdict: 'Degraded.' })]);
  expect(findings).toEqual([
    {
      severity: 'warning',
      about: 'demo/node-2',
      what: 'a slot keeps 9 GB',
      next: 'Which slot is it? Run: quantadb nodes',
    },
  ]);
});

test('releases that differ, and an operation that failed lately, are told', () => {
  const hosts = [
    { name: 'node-1', told: host() },
    { name: 'node-2', told: host({ version: '0.2.0' }) },
  ];
  const failed = { kind: 'add-node', state: 'failed', error: 'no room', endedAtMs: nowMs - 1000 };
  const operations = [failed] as unknown as ClusterFacts['operations'];
  const words = judge([cluster({ hosts, operations })]).map(({ what }) => what);
  expect(words).toEqual(['add-node failed: no room', 'its daemons are of the releases 0.1.0 and 0.2.0']);
  const old = [{ ...failed, endedAtMs: nowMs - 2 * 86_400_000 }] as unknown as ClusterFacts['operations'];
  expect(judge([cluster({ operations: old })])).toEqual([]);
});
