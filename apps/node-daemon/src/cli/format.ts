import type { ClusterEvent, Operation } from '@quantadb/engine/contract/cluster-state';
import type { OperationPlan } from '@quantadb/engine/contract/operations';
import { type RouterSettings, usualRouterSettings } from '@quantadb/engine/contract/router-settings';
import type { ClusterStatus, NodeStatus, SystemStatus } from '@quantadb/engine/contract/status';

/** Text for people (pure). Everything that is shown here is also in `--json`. */

const kilo = 1024;
const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= kilo && unit < byteUnits.length - 1) {
    value /= kilo;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${byteUnits[unit]}`;
}

export function millisecondsText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Columns under each other; the last one is not padded. */
export function table(header: string[], rows: string[][]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}

export function statusText(status: SystemStatus): string {
  const parts = status.clusters.map((cluster) => {
    const facts = `epoch ${cluster.epoch}, timeline ${cluster.timeline}, durability ${cluster.durability}, decided by ${cluster.raft.leader ?? 'nobody'} (term ${cluster.raft.term})`;
    const connect = cluster.connect ? `\n\npsql '${cluster.connect}'` : '';
    return `${cluster.name}: ${cluster.verdict}\n${facts}${networkLine(cluster)}${followersLine(cluster)}${adviceLine(cluster)}\n\n${nodesText(cluster.nodes)}${connect}`;
  });
  if (parts.length === 0) parts.push('There is no cluster yet.');
  // A member that is unreachable stands in the table of its cluster.
  const others = status.hosts.filter(({ state, cluster }) => state !== 'member' && cluster === null);
  if (others.length > 0)
    parts.push(`Hosts in no cluster: ${others.map((host) => `${host.name} (${host.state})`).join(', ')}`);
  return parts.join('\n\n');
}

/** Only when something is wrong with it. */
function adviceLine({ advice }: SystemStatus['clusters'][number]): string {
  return advice ? `\nadvice: ${advice}` : '';
}

function followersLine({ followers }: SystemStatus['clusters'][number]): string {
  const words = followers.map(({ cluster, state, lagBytes, lagMs }) => {
    const lag = lagBytes === null ? '' : `, ${bytesText(lagBytes)} behind`;
    return `${cluster} (${state}${lag}${lagMs === null ? '' : `, ${millisecondsText(lagMs)}`})`;
  });
  return words.length === 0 ? '' : `\nfollowed by: ${words.join(', ')}`;
}

function networkLine({ network }: SystemStatus['clusters'][number]): string {
  return network && network.kind !== 'connected' ? `\nnetwork: ${network.verdict}` : '';
}

export function nodesText(nodes: NodeStatus[]): string {
  const rows = nodes.map((node) => [
    node.name,
    node.role,
    node.state,
    node.role === 'primary' ? '' : node.sync,
    node.role === 'standby' && node.lagBytes !== null
      ? `${bytesText(node.lagBytes)}, ${node.lagMs === null ? '?' : millisecondsText(node.lagMs)}`
      : '',
    node.raft,
    node.address ?? '',
    remarkOf(node),
  ]);
  return table(['NODE', 'ROLE', 'STATE', 'SYNC', 'LAG', 'RAFT', 'ADDRESS', ''], rows);
}

/** What stands beside a node: why it is not as it should be, else what is worth a look. */
function remarkOf({ maintenance, detail, notes, pendingRestart }: NodeStatus): string {
  const waiting = pendingRestart.length > 0 ? [`restart pending for ${pendingRestart.join(', ')}`] : [];
  if (maintenance) return ['maintenance', ...waiting].join('; ');
  return detail ? [detail, ...waiting].join('; ') : [...notes, ...waiting].join(', ');
}

/** Hosts as a daemon tells them (with its API's address), or as the console does (with what it has last seen). */
export function hostsText(
  hosts: { name: string; state: string; cluster: string | null; api?: string; lastSeenAt?: string | null }[],
): string {
  return table(
    ['HOST', 'STATE', 'CLUSTER', 'API OR LAST SEEN'],
    hosts.map((host) => [
      host.name,
      host.state,
      host.cluster ?? '',
      host.api ?? host.lastSeenAt ?? 'never seen',
    ]),
  );
}

export function planText(plan: OperationPlan): string {
  const steps = plan.steps.map((step, index) => `  ${index + 1}. ${step}`);
  const warnings = plan.warnings.map((warning) => `  ! ${warning}`);
  return [
    plan.summary,
    '',
    ...steps,
    '',
    `Writes stop: ${plan.writePause}`,
    ...(plan.quorumBefore === plan.quorumAfter ? [] : [`Quorum: ${plan.quorumBefore} → ${plan.quorumAfter}`]),
    ...(warnings.length > 0 ? ['Warnings:', ...warnings] : []),
  ].join('\n');
}

const stepMarks = { pending: '·', running: '…', done: '✓', failed: '✗', skipped: '-' } as const;

export function stepText(step: Operation['steps'][number]): string {
  const tookMs =
    step.startedAtMs !== null && step.endedAtMs !== null ? step.endedAtMs - step.startedAtMs : null;
  const took = tookMs === null ? '' : ` (${millisecondsText(tookMs)})`;
  return `${stepMarks[step.state]} ${step.name}${step.detail ? `: ${step.detail}` : ''}${took}`;
}

export function operationsText(operations: Operation[]): string {
  const rows = operations.map((operation) => [
    new Date(operation.startedAtMs).toISOString(),
    operation.kind,
    operation.state,
    operation.requestedBy,
    // What `retry` and `cancel` may be told.
    operation.state === 'done' ? '' : operation.id,
    standingText(operation),
  ]);
  return table(['STARTED', 'OPERATION', 'STATE', 'BY', 'ID', 'STEP'], rows);
}

function standingText({ state, steps, error }: Operation): string {
  const step = steps.find((each) => each.state === 'running' || each.state === 'failed')?.name;
  if (state === 'done') return '';
  return [step, error].filter((each) => each).join(': ');
}

export function scheduledText(entries: ClusterStatus['scheduled']): string {
  if (entries.length === 0) return 'Nothing waits for its time.';
  const rows = entries.map(({ id, atMs, request, requestedBy, reason }) => {
    const node = 'node' in request ? request.node : 'to' in request ? (request.to ?? '') : '';
    return [new Date(atMs).toISOString(), `${request.kind} ${node}`.trim(), requestedBy, reason, id];
  });
  return table(['BEGINS', 'OPERATION', 'BY', 'REASON', 'ID'], rows);
}

/** Each router, and below what all of them or one of them is set to, where that is not the usual. */
export function routersText(routers: ClusterStatus['routers']): string {
  if (routers.length === 0) return 'No router is open for clients.';
  const cells = routers.map(({ node, address, traffic }) => {
    if (!traffic) return [node, address, '', '', '', '', ''];
    const { clients, busy, waiting, servers, isDraining, counters } = traffic;
    const numbers = [clients, busy, waiting, servers, counters.statements ?? 0].map(String);
    return [node, isDraining ? `${address} (draining)` : address, ...numbers];
  });
  const rows = table(['NODE', 'ADDRESS', 'CLIENTS', 'BUSY', 'WAITING', 'SERVERS', 'STATEMENTS'], cells);
  const settings = routers.flatMap(({ node, traffic }) => {
    const own = Object.entries(traffic?.settings ?? {}).filter(
      ([name, value]) => usualRouterSettings[name as keyof RouterSettings] !== value,
    );
    return own.length === 0 ? [] : [`${node}: ${own.map(([name, value]) => `${name}=${value}`).join(' ')}`];
  });
  return settings.length === 0 ? rows : `${rows}\n\nNot as usual:\n${settings.join('\n')}`;
}

export function eventsText(events: ClusterEvent[]): string {
  return table(['ID', 'AT', 'SEVERITY', ''], events.map(eventCells));
}

/** Without a header, for events that go on coming. */
export function eventLines(events: ClusterEvent[]): string {
  return events.map((event) => eventCells(event).join('  ')).join('\n');
}

function eventCells(event: ClusterEvent): string[] {
  return [String(event.id), new Date(event.atMs).toISOString(), event.severity, event.message];
}

export function cloneText(clone: { doneBytes: number; totalBytes: number | null }): string {
  if (clone.totalBytes === null || clone.totalBytes === 0) return bytesText(clone.doneBytes);
  const percent = Math.min(100, Math.floor((clone.doneBytes / clone.totalBytes) * 100));
  return `${bytesText(clone.doneBytes)} of ${bytesText(clone.totalBytes)} (${percent} %)`;
}
