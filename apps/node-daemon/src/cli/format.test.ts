import type { NodeStatus, SystemStatus } from '@quantadb/engine/contract/status';
import { expect, test } from 'vitest';
import { demoPorts, portsInUse } from '../demo/layout.ts';
import {
  bytesText,
  cloneText,
  millisecondsText,
  nodesText,
  planText,
  statusText,
  stepText,
  table,
} from './format.ts';

test('quantities are short and in PostgreSQL’s units', () => {
  expect([0, 1023, 1024, 1536, 10 * 1024 ** 2, 3 * 1024 ** 3].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.0 kB',
    '1.5 kB',
    '10.0 MB',
    '3.0 GB',
  ]);
  expect([0, 999, 1000, 61_500].map(millisecondsText)).toEqual(['0 ms', '999 ms', '1.0 s', '61.5 s']);
  expect(cloneText({ doneBytes: 512, totalBytes: 1024 })).toBe('512 B of 1.0 kB (50 %)');
  expect(cloneText({ doneBytes: 512, totalBytes: null })).toBe('512 B');
});

test('columns stand under each other', () => {
  expect(
    table(
      ['A', 'LONG', ''],
      [
        ['wide', 'b', 'rest of the line'],
        ['c', '', ''],
      ],
    ),
  ).toBe('A     LONG\nwide  b     rest of the line\nc');
});

test('beside a node stands what is worth a look, parameters that wait for a restart among it', () => {
  const node = {
    name: 'node-2',
    role: 'standby',
    state: 'streaming',
    lagBytes: null,
    notes: [],
    pendingRestart: [],
  };
  const remarkOf = (change: object) =>
    nodesText([{ ...node, sync: '', raft: '', ...change } as unknown as NodeStatus])
      .split('\n')
      .at(-1);
  expect(remarkOf({ pendingRestart: ['max_connections'] })).toContain('restart pending for max_connections');
  expect(remarkOf({ maintenance: true, notes: ['delayed'] })).toMatch(/maintenance$/);
  expect(remarkOf({ notes: ['no reads'], detail: '' })).toMatch(/no reads$/);
});

test('the verdict comes first, then the nodes, then how to connect', () => {
  const status: SystemStatus = {
    console: null,
    hosts: [{ name: 'spare-1', state: 'available', cluster: null, api: 'http://127.0.0.1:7104' }],
    clusters: [
      {
        ...{
          name: 'demo',
          health: 'healthy',
          verdict: 'Healthy.',
          primary: 'node-1',
          epoch: 3,
          timeline: 2,
          revision: 9,
        },
        ...{
          durability: 'quorum',
          raft: { leader: 'node-2', term: 4 },
          connect: 'postgres://app@127.0.0.1/app',
          routers: [],
          router: {},
        },
        nodes: [],
        noQuorum: null,
        network: null,
        advice: null,
        spare: null,
        scheduled: [],
        source: null,
        followers: [],
        failover: null,
        backups: null,
      },
    ],
  };
  const lines = statusText(status).split('\n');
  expect(lines[0]).toBe('demo: Healthy.');
  expect(lines[1]).toContain('epoch 3, timeline 2, durability quorum, decided by node-2');
  expect(statusText(status)).toContain("psql 'postgres://app@127.0.0.1/app'");
  expect(statusText(status)).toContain('spare-1 (available)');
  expect(statusText(status)).not.toContain('network');
  const [cluster] = status.clusters;
  const network = { kind: 'cut-off' as const, verdict: 'Node-3 is cut off from everybody.', rows: [] };
  const clusters = cluster ? [{ ...cluster, network }] : [];
  expect(statusText({ ...status, clusters })).toContain('\nnetwork: Node-3 is cut off from everybody.\n');
});

test('a plan shows what stops and what may go wrong before it asks', () => {
  const text = planText({
    ...{ kind: 'switchover', summary: 'Switch over.', steps: ['One', 'Two'], writePause: 'about a second' },
    ...{
      quorumBefore: '3',
      quorumAfter: '3',
      warnings: ['look out'],
      refusal: null,
      hash: '',
      revision: 1,
      expiresAtMs: 0,
    },
  });
  expect(text).toContain('  1. One\n  2. Two');
  expect(text).toContain('Writes stop: about a second');
  expect(text).toContain('! look out');
});

test('a step says how it ended and how long it took', () => {
  const step = {
    name: 'Clone',
    state: 'done' as const,
    detail: 'streaming',
    startedAtMs: 1000,
    endedAtMs: 3500,
  };
  expect(stepText(step)).toBe('✓ Clone: streaming (2.5 s)');
  expect(stepText({ ...step, state: 'failed', detail: '', endedAtMs: null })).toBe('✗ Clone');
});

test('the ports of the local system never overlap, wherever they are moved', () => {
  for (const base of [undefined, '18000']) {
    const ports = demoPorts(base);
    const all = portsInUse(ports);
    expect(new Set(all).size).toBe(all.length);
  }
  expect(() => demoPorts('80')).toThrow(/QUANTADB_PORT_BASE/);
  expect(() => demoPorts('65530')).toThrow(/QUANTADB_PORT_BASE/);
});
