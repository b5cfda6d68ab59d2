import { Counter, Gauge, Registry } from 'prom-client';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import { nodeStates, successorName } from '../contract/status.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';
import { delayMsOf } from '../replication/apart.ts';

const noVitals = { mainLoopDelayMsMax: null, probeMsMax: null, leaseRemainingMsMin: null };

/** What the cluster wants of the node: by it a rule tells what is wrong from what is meant. */
function meantGauges(
  gauge: (name: string, help: string, value: number) => void,
  state: Pick<ClusterState, 'source' | 'members'>,
  node: string,
): void {
  const member = state.members[node];
  gauge(
    'follows',
    '1 while the cluster follows another one, and has no primary of its own',
    Number(!!state.source),
  );
  gauge('maintenance', '1 while the node is in maintenance', Number(!!member?.maintenance));
  gauge('delay_seconds', 'How late the standby is on purpose', delayMsOf(member) / 1000);
}

/**
 * The daemon's Prometheus metrics, from one report: nothing is counted that was not observed.
 *
 * @param state what the cluster agrees on; null in no cluster
 */
export async function renderMetrics(
  report: NodeReport,
  state: Pick<ClusterState, 'source' | 'members'> | null,
): Promise<string> {
  const registry = new Registry();
  const node = report.name;
  const cluster = report.cluster?.name ?? '';
  const gauge = (name: string, help: string, value: number | null) => {
    if (value === null) return;
    new Gauge({ name: `quantadb_${name}`, help, labelNames: ['cluster', 'node'], registers: [registry] }).set(
      { cluster, node },
      value,
    );
  };
  gauge('primary', '1 while this node is the primary and open for writes', report.role === 'primary' ? 1 : 0);
  gauge('epoch', 'Epoch of the reign this node has applied', report.epoch);
  gauge('sealed_epoch', 'Newest epoch this node has promised', report.sealedEpoch);
  gauge('timeline', 'PostgreSQL timeline', report.timeline);
  gauge(
    'lease_remaining_seconds',
    'Time left on the lease of the primary',
    report.leaseRemainingMs === null ? null : report.leaseRemainingMs / 1000,
  );
  gauge(
    'wal_position_bytes',
    'Insert position of a primary, received position of a standby',
    report.lsn === null ? null : lsnDistanceBytes(report.lsn, '0/0'),
  );
  gauge('raft_term', 'Raft term', report.raft?.term ?? null);
  gauge(
    'raft_leader',
    '1 while this node leads the Raft group',
    report.raft ? Number(report.raft.role === 'leader') : null,
  );
  gauge('raft_commit_index', 'Raft commit index', report.raft?.commitIndex ?? null);
  gauge('raft_applied_index', 'Raft applied index', report.raft?.appliedIndex ?? null);
  gauge(
    'raft_fsync_seconds_max',
    'Slowest write and fsync of the Raft log in the last half minute',
    report.raft ? report.raft.fsyncMsMax / 1000 : null,
  );
  gauge(
    'raft_loop_delay_seconds_max',
    'Worst delay of the Raft thread’s timer in the last half minute',
    report.raft ? report.raft.loopDelayMsMax / 1000 : null,
  );
  const { mainLoopDelayMsMax, probeMsMax, leaseRemainingMsMin } = report.vitals ?? noVitals;
  const seconds = (valueMs: number | null) => (valueMs === null ? null : valueMs / 1000);
  gauge(
    'main_loop_delay_seconds_max',
    'Worst delay of the main thread’s timer in the last half minute',
    seconds(mainLoopDelayMsMax),
  );
  gauge('probe_seconds_max', 'Slowest probe of PostgreSQL in the last half minute', seconds(probeMsMax));
  gauge(
    'lease_remaining_seconds_min',
    'Least time that was left on the lease at a renewal in the last half minute',
    seconds(leaseRemainingMsMin),
  );
  const until = 'Until when the certificate of this host is good';
  gauge('certificate_expires_timestamp_seconds', until, seconds(report.certificateUntilMs));
  const waits = 'Commits that gave up waiting for the standbys since the daemon came up';
  gauge('cancelled_synchronous_waits', waits, report.cancelledWaits);
  if (state) meantGauges(gauge, state, node);
  troubleGauges(gauge, report);
  stateGauge(registry, report);
  standbyGauges(registry, report);
  routerGauges(registry, report);
  return registry.metrics();
}

function troubleGauges(
  gauge: (name: string, help: string, value: number) => void,
  { troubles }: NodeReport,
): void {
  const routers = troubles.filter(({ kind }) => kind === 'router').map(({ name }) => name);
  const isClosed = routers.includes('');
  gauge('router_closed', '1 while the router of this host should be open and is not', Number(isClosed));
  const heldUp = '1 while a former router serves clients because the one that is to replace it is not ready';
  gauge('router_not_replaced', heldUp, Number(routers.includes(successorName)));
  const hooks = troubles.filter(({ kind }) => kind === 'hook').length;
  gauge('hooks_failing', 'Hooks that were not told of the last event', hooks);
}

function stateGauge(registry: Registry, report: NodeReport): void {
  const gauge = new Gauge({
    name: 'quantadb_node_state',
    help: '1 for the state the node is in, 0 for the others',
    labelNames: ['cluster', 'node', 'state'],
    registers: [registry],
  });
  for (const state of nodeStates) {
    gauge.set(
      { cluster: report.cluster?.name ?? '', node: report.name, state },
      report.state === state ? 1 : 0,
    );
  }
}

/** Of the router on this host, when there is one. */
function routerGauges(registry: Registry, { router, name, cluster }: NodeReport): void {
  if (!router) return;
  const labels = { cluster: cluster?.name ?? '', node: name };
  const { clients, busy, waiting, servers, counters } = router;
  for (const [what, value] of Object.entries({ clients, busy, waiting, servers })) {
    const help = `Sessions or connections of the router: ${what}`;
    const options = {
      name: `quantadb_router_${what}`,
      help,
      labelNames: ['cluster', 'node'],
      registers: [registry],
    };
    new Gauge(options).set(labels, value);
  }
  for (const [what, value] of Object.entries(counters)) {
    const name = `quantadb_router_${snakeCase(what)}_total`;
    const help = `Counted by the router since its start: ${what}`;
    new Counter({ name, help, labelNames: ['cluster', 'node'], registers: [registry] }).inc(
      labels,
      Math.max(0, value),
    );
  }
}

function snakeCase(name: string): string {
  return name.replace(/Total$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function standbyGauges(registry: Registry, report: NodeReport): void {
  const labelNames = ['cluster', 'node', 'standby'];
  const registers = [registry];
  const bytes = new Gauge({
    name: 'quantadb_replication_lag_bytes',
    help: 'WAL the standby has not replayed',
    labelNames,
    registers,
  });
  const seconds = new Gauge({
    name: 'quantadb_replication_lag_seconds',
    help: 'Time since the primary passed the standby’s replay position',
    labelNames,
    registers,
  });
  for (const standby of report.standbys) {
    const labels = { cluster: report.cluster?.name ?? '', node: report.name, standby: standby.name };
    if (standby.lagBytes !== null) bytes.set(labels, standby.lagBytes);
    if (standby.lagMs !== null) seconds.set(labels, standby.lagMs / 1000);
  }
}
