import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Server } from 'socket.io';
import type { Alerts } from './alerts/alerts.ts';
import type { ClusterRegistry } from './clusters/registry.ts';
import type { StatusKeeper } from './clusters/status-keeper.ts';
import type { FiguresStore } from './history/figures.ts';
import type { SampleStore } from './history/samples.ts';
import type { StatementStore } from './history/statements.ts';
import type { HostLinks } from './hosts/host-links.ts';
import type { Live } from './live/live.ts';
import type { MetadataBackup } from './metadata-backup.ts';

const process = new Registry();
collectDefaultMetrics({ register: process, prefix: 'quantadb_console_' });

export interface MetricSources {
  registry: ClusterRegistry;
  samples: SampleStore;
  figures: FiguresStore;
  statements: StatementStore;
  sockets: Server;
  keeper: StatusKeeper;
  links: HostLinks;
  live: Live;
  backup: MetadataBackup | null;
  alerts: Pick<Alerts, 'judgedAgeSeconds'>;
}

const healths = ['healthy', 'degraded', 'down'] as const;

/** As long as the rule about silent clusters waits. */
const silentMs = 30_000;

/** Prometheus text of one console instance: what it knows of the clusters, and of itself. */
export async function renderConsoleMetrics(sources: MetricSources): Promise<string> {
  const { registry, samples, figures, statements, sockets } = sources;
  const own = new Registry();
  const registers = [own];
  const health = new Gauge({
    name: 'quantadb_cluster_health',
    help: '1 for the health the cluster is in, 0 for the others; missing while nothing is heard of it',
    labelNames: ['cluster', 'health'],
    registers,
  });
  const age = new Gauge({
    name: 'quantadb_cluster_report_age_seconds',
    help: 'Time since a node of the cluster last reported',
    labelNames: ['cluster'],
    registers,
  });
  const bytes = new Gauge({
    name: 'quantadb_node_lag_bytes',
    help: 'WAL a standby has not replayed',
    labelNames: ['cluster', 'node'],
    registers,
  });
  const seconds = new Gauge({
    name: 'quantadb_node_lag_seconds',
    help: 'Time since the primary passed the standby’s replay position',
    labelNames: ['cluster', 'node'],
    registers,
  });
  for (const { name, status, reportedAtMs } of await registry.list()) {
    const ageMs = Date.now() - reportedAtMs;
    age.set({ cluster: name }, ageMs / 1000);
    // How it was is not how it is.
    if (ageMs > silentMs) continue;
    for (const each of healths) health.set({ cluster: name, health: each }, status.health === each ? 1 : 0);
    for (const node of status.nodes.filter((each) => each.role === 'standby')) {
      if (node.lagBytes !== null) bytes.set({ cluster: name, node: node.name }, node.lagBytes);
      if (node.lagMs !== null) seconds.set({ cluster: name, node: node.name }, node.lagMs / 1000);
    }
  }
  new Gauge({
    name: 'quantadb_console_hosts_connected',
    help: 'Hosts connected to this console instance',
    registers,
  }).set(sockets.of('/nodes').sockets.size);
  new Gauge({
    name: 'quantadb_console_browsers_connected',
    help: 'Browsers connected to this console instance',
    registers,
  }).set(sockets.of('/live').sockets.size);
  new Gauge({
    name: 'quantadb_console_samples_dropped',
    help: 'Metric samples that could not be stored since the start',
    registers,
  }).set(samples.droppedSamples + figures.dropped + statements.dropped);
  keepsUp(sources, own);
  ages(own, sources);
  return `${await own.metrics()}\n${await process.metrics()}`;
}

/** How long ago this console has last done what it does now and then; missing where it does not. */
function ages(own: Registry, { backup, alerts }: Pick<MetricSources, 'backup' | 'alerts'>): void {
  const nowMs = Date.now();
  const age = (name: string, help: string, seconds: number | null) => {
    if (seconds !== null) new Gauge({ name, help, registers: [own] }).set(seconds);
  };
  age(
    'quantadb_console_alerts_judged_age_seconds',
    'Since this console has last judged the alerts; missing where another one does',
    alerts.judgedAgeSeconds(nowMs),
  );
  age(
    'quantadb_console_metadata_backup_age_seconds',
    'Age of the newest backup of the metadata that this console has made',
    backup?.ageSeconds(nowMs) ?? null,
  );
}

/** Whether this console does what comes to it as fast as it comes. */
function keepsUp({ keeper, links, live }: MetricSources, register: Registry): void {
  const registers = [register];
  const { taken, skipped } = links.reports;
  new Gauge({
    name: 'quantadb_console_reports_taken',
    help: 'Reports of hosts that this console has answered since its start',
    registers,
  }).set(taken);
  new Gauge({
    name: 'quantadb_console_reports_skipped',
    help: 'Reports left out since the start, because the one before from the same host was not answered yet',
    registers,
  }).set(skipped);
  new Gauge({
    name: 'quantadb_console_status_stores_failed',
    help: 'Times since the start that the newest statuses could not be stored in the metadata',
    registers,
  }).set(keeper.storesFailed);
  new Gauge({
    name: 'quantadb_console_browsers_behind',
    help: 'Browsers that do not read as fast as they are told, and get nothing until they have caught up',
    registers,
  }).set(live.behind);
}
