import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeMetricNames } from '@quantadb/engine/contract/node-metrics';
import { nodeReportSchema } from '@quantadb/engine/contract/node-report';
import { clusterStatusSchema } from '@quantadb/engine/contract/status';
import { prometheusName } from '@quantadb/engine/monitor/figures/prometheus';
import { renderMetrics } from '@quantadb/engine/monitor/metrics';
import { expect, it } from 'vitest';
import { type MetricSources, renderConsoleMetrics } from './metrics.ts';

const text = (name: string) =>
  readFileSync(new URL(`../../../docs/monitoring/${name}`, import.meta.url), 'utf8');
const place = { host: '127.0.0.1', port: 1 };

/** One report in which everything that can be exported is said. */
const report = nodeReportSchema.parse({
  ...{
    name: 'node-1',
    version: '1',
    atMs: 1,
    cluster: { id: 'c', name: 'demo' },
    host: 'member',
    kind: 'data',
  },
  addresses: { raft: place, api: place, postgres: place },
  ...{ role: 'primary', state: 'running', detail: '', epoch: 1, sealedEpoch: 1, timeline: 1, lsn: '0/1' },
  ...{ replayLsn: null, receiverStatus: null, leaseRemainingMs: 1, clone: null, dataDir: null },
  vitals: { mainLoopDelayMsMax: 1, probeMsMax: 1, leaseRemainingMsMin: 1 },
  standbys: [
    {
      ...{
        name: 'node-2',
        state: 'streaming',
        sync: 'quorum',
        writeLsn: null,
        flushLsn: null,
        replayLsn: null,
      },
      ...{ lagBytes: 1, lagMs: 1 },
    },
  ],
  certificateUntilMs: 1,
  raft: {
    ...{
      role: 'leader',
      term: 1,
      leader: null,
      commitIndex: 1,
      appliedIndex: 1,
      fsyncMsMax: 1,
      loopDelayMsMax: 1,
    },
  },
  pids: { daemon: 1, reaper: 1, postgres: 1, routers: [] },
  router: { address: place, clients: 1, busy: 1, waiting: 1, servers: 1, isDraining: false, counters: {} },
});

const status = clusterStatusSchema.parse({
  ...{
    name: 'demo',
    health: 'healthy',
    verdict: '',
    primary: null,
    epoch: 1,
    timeline: 1,
    durability: 'quorum',
  },
  ...{ revision: 1, raft: { leader: null, term: 1 }, connect: null, routers: [], nodes: [] },
});

async function rendered(): Promise<string> {
  const sources = {
    registry: { list: async () => [{ clusterId: 'c', name: 'demo', status, reportedAtMs: Date.now() }] },
    ...{ samples: { droppedSamples: 0 }, figures: { dropped: 0 }, statements: { dropped: 0 } },
    sockets: { of: () => ({ sockets: new Map() }) },
    ...{ keeper: { storesFailed: 0 }, links: { reports: { taken: 0, skipped: 0 } }, live: { behind: 0 } },
    ...{ backup: { ageSeconds: () => 1 }, alerts: { judgedAgeSeconds: () => 1 } },
  } as unknown as MetricSources;
  return `${await renderMetrics(report, { members: {} })}\n${await renderConsoleMetrics(sources)}`;
}

async function exported(): Promise<Set<string>> {
  const named = [...(await rendered()).matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '');
  return new Set([...named, ...nodeMetricNames.map(prometheusName)]);
}

it.each(['quantadb-alerts.yml', 'quantadb-dashboard.json'])(
  'every metric in %s is exported',
  async (file) => {
    const known = await exported();
    const named = new Set(text(file).match(/\bquantadb_[a-z0-9_]+/g));
    expect(named.size).toBeGreaterThan(15);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  },
);

/** Debian's own, of the package `prometheus`. */
function promtool(args: string[], input = ''): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('/usr/bin/promtool', args, {
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, said: `${stdout}${stderr}` };
}
const fileOf = (name: string) => fileURLToPath(new URL(`../../../docs/monitoring/${name}`, import.meta.url));

it('Prometheus takes the rules, and they fire for what is wrong and for nothing that is meant', () => {
  expect(promtool(['check', 'rules', fileOf('quantadb-alerts.yml')])).toMatchObject({ status: 0 });
  const tested = promtool(['test', 'rules', fileOf('quantadb-alerts.test.yml')]);
  expect([tested.status, tested.said]).toEqual([0, expect.stringContaining('SUCCESS')]);
});

it('Prometheus takes what is exported', async () => {
  // These names are prom-client's own; 3: only its style is remarked on.
  const { status, said } = promtool(['check', 'metrics'], await rendered());
  const ours = said.split('\n').filter((line) => line !== '' && !/_nodejs_active_\w+_total /.test(line));
  expect([0, 3]).toContain(status);
  expect(ours).toEqual([]);
});
