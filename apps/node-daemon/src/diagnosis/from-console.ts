import { hostDiagnosisSchema } from '@quantadb/engine/contract/diagnosis';
import { logEntriesMax, logSources } from '@quantadb/engine/contract/logs';
import { z } from 'zod';
import type { ConsoleClient, ConsoleCluster } from '../cli/console-client.ts';
import { logLines } from '../cli/logs.ts';
import { type Bundle, pathPart } from './bundle.ts';
import type { AlertTold, ClusterFacts } from './findings.ts';

const eventsShown = 200;
const figuresMs = 3_600_000;

const alertsSchema = z.array(
  z.object({
    severity: z.enum(['critical', 'warning', 'info']),
    subject: z.string(),
    sentence: z.string(),
    clusterId: z.string().nullable(),
    cluster: z.string().nullable(),
    runbook: z.object({ look: z.array(z.string()), command: z.string() }).nullable(),
  }),
);
const hostsSchema = z.object({
  hosts: z.array(
    z.object({
      host: z.string(),
      told: z.record(z.string(), z.unknown()).nullable(),
      problem: z.string().nullable(),
    }),
  ),
});

/** Everything that a console can tell of its clusters, or of the one that is named. */
export async function collectFromConsole(
  bundle: Bundle,
  client: ConsoleClient,
  options: { cluster: string | undefined; nowMs: number },
): Promise<void> {
  await bundle.ask('the console’s metrics', 'console/metrics.txt', () => client.metrics());
  await bundle.ask('the list of hosts', 'console/hosts.json', () => client.hosts());
  const told = await bundle.ask('the console’s alerts', 'console/alerts.json', () => client.read('/alerts'));
  const alerts = told === null ? null : alertsSchema.parse(told);
  const clusters = await bundle.ask('the list of clusters', 'console/clusters.json', () => client.clusters());
  const wanted = (clusters ?? []).filter(
    ({ name }) => options.cluster === undefined || name === options.cluster,
  );
  if (clusters && options.cluster !== undefined && wanted.length === 0)
    bundle.miss(options.cluster, 'the console knows no such cluster');
  const installation = alerts?.filter(({ clusterId }) => clusterId === null) ?? [];
  if (installation.length > 0) bundle.clusters.push({ ...nothing('the console'), alerts: installation });
  for (const cluster of wanted) {
    const own = alerts?.filter(({ clusterId }) => clusterId === cluster.id) ?? null;
    bundle.clusters.push(
      await collectCluster(bundle, client, { cluster, alerts: own, nowMs: options.nowMs }),
    );
  }
}

async function collectCluster(
  bundle: Bundle,
  client: ConsoleClient,
  { cluster, alerts, nowMs }: { cluster: ConsoleCluster; alerts: AlertTold[] | null; nowMs: number },
): Promise<ClusterFacts> {
  const { id, name, status } = cluster;
  const place = `clusters/${pathPart(name)}`;
  const below = `/clusters/${id}`;
  const ask = (what: string, question: () => Promise<unknown>) =>
    bundle.ask(`${what} of ${name}`, `${place}/${what}.json`, question);
  bundle.add(`${place}/status.json`, cluster);
  const span = new URLSearchParams({
    names:
      'cpuShare,memoryAvailableBytes,diskFreeBytes,clients,active,waitingForLocks,walBytesPerSecond,slotBytes,commitsPerSecond',
    from: new Date(nowMs - figuresMs).toISOString(),
    to: new Date(nowMs).toISOString(),
  });
  await Promise.all([
    ask('events', () => client.read(`${below}/events?limit=${eventsShown}`)),
    ask('failovers', () => client.read(`${below}/failovers?limit=20`)),
    ask('settings', () => client.read(`${below}/settings`)),
    ask('backups', () => client.read(`${below}/backups`)),
    ask('replication', () => client.read(`${below}/replication`)),
    ask('sessions', () => client.read(`${below}/sessions`)),
    ask('figures', () => client.read(`${below}/figures?${span}`)),
    collectLogs(bundle, client, cluster),
  ]);
  const operations = await bundle.ask(`operations of ${name}`, `${place}/operations.json`, () =>
    client.operations(id),
  );
  const hosts = await collectHosts(bundle, client, cluster);
  return { name, status, alerts, operations: operations ?? [], hosts, backups: null };
}

async function collectHosts(
  bundle: Bundle,
  client: ConsoleClient,
  { id, name }: ConsoleCluster,
): Promise<ClusterFacts['hosts']> {
  const found: ClusterFacts['hosts'] = [];
  const answer = await client.read(`/clusters/${id}/diagnosis`).catch((error: unknown) => {
    bundle.miss(`the hosts of ${name}`, error instanceof Error ? error.message : String(error));
    return { hosts: [] };
  });
  for (const { host, told, problem } of hostsSchema.parse(answer).hosts) {
    if (!told) {
      bundle.miss(`${name}/${host}`, problem ?? 'it says nothing');
      continue;
    }
    const { metrics, ...rest } = told;
    bundle.add(`hosts/${pathPart(host)}/diagnosis.json`, rest);
    if (typeof metrics === 'string') bundle.add(`hosts/${pathPart(host)}/metrics.txt`, metrics);
    const parsed = hostDiagnosisSchema.safeParse(told);
    if (parsed.success) found.push({ name: host, told: parsed.data });
    else
      bundle.miss(`${name}/${host}`, 'it is of another release, and its answer is in the bundle as it came');
  }
  return found;
}

async function collectLogs(
  bundle: Bundle,
  client: ConsoleClient,
  { id, name, status }: ConsoleCluster,
): Promise<void> {
  const wanted = status.nodes.flatMap((node) => logSources.map((source) => ({ node: node.name, source })));
  await Promise.all(
    wanted.map(async ({ node, source }) => {
      const filter = {
        node,
        source,
        search: '',
        atLeast: 'debug' as const,
        untilMs: null,
        limit: logEntriesMax,
      };
      const path = `hosts/${pathPart(node)}/${source}.log`;
      await bundle.ask(`the ${source} log of ${name}/${node}`, path, async () =>
        logLines((await client.logs(id, filter)).reverse()),
      );
    }),
  );
}

function nothing(name: string): ClusterFacts {
  return { name, status: null, alerts: null, operations: [], hosts: [], backups: null };
}
