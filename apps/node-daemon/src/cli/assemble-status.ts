import type { ClusterStatus, HostStatus, SystemStatus } from '@quantadb/engine/contract/status';
import type { Secrets } from '../demo/secrets.ts';

/** What one daemon has said. */
export interface HostAnswer {
  host: HostStatus;
  status: ClusterStatus | null;
}

export interface StatusParts {
  answers: HostAnswer[];
  /** Where the APIs of this machine's own system are: only its clusters have its secrets. */
  localApis: ReadonlySet<string>;
  secrets: Pick<Secrets, 'application'> | null;
  /** Where this machine's own console is; null without one. */
  console: string | null;
}

/** The shape of `status --json` (pure): each cluster as the daemon that knows most tells it, completed for this machine. */
export function assembleStatus({ answers, localApis, secrets, console }: StatusParts): SystemStatus {
  const clusters = new Map<string, ClusterStatus>();
  for (const { status } of answers) {
    const known = status ? clusters.get(status.name) : undefined;
    if (status && (!known || known.revision < status.revision)) clusters.set(status.name, status);
  }
  const isLocal = (cluster: ClusterStatus) => cluster.nodes.some((node) => localApis.has(node.api));
  return {
    console,
    hosts: answers.map((answer) => answer.host),
    clusters: [...clusters.values()].map((cluster) =>
      secrets && isLocal(cluster) ? withConnections(cluster, secrets) : cluster,
    ),
  };
}

/** What this machine knows, and below what only the console knows besides: hosts and clusters elsewhere (pure). */
export function withOthers(own: SystemStatus, others: SystemStatus): SystemStatus {
  const missing = <Named extends { name: string }>(from: Named[], known: Named[]) =>
    from.filter(({ name }) => !known.some((each) => each.name === name));
  return {
    ...own,
    hosts: [...own.hosts, ...missing(others.hosts, own.hosts)],
    clusters: [...own.clusters, ...missing(others.clusters, own.clusters)],
  };
}

/** Passwords never leave a daemon; who may read the local secrets gets complete connection strings. */
function withConnections(
  cluster: ClusterStatus,
  { application }: Pick<Secrets, 'application'>,
): ClusterStatus {
  const [role, password, database] = [application.role, application.password, application.database].map(
    encodeURIComponent,
  );
  const uri = (addresses: string[]) => `postgres://${role}:${password}@${addresses.join(',')}/${database}`;
  const addresses = cluster.nodes.flatMap((node) => node.address ?? []);
  const nodes = cluster.nodes.map((node) => ({
    ...node,
    postgres: node.address ? uri([node.address]) : null,
  }));
  const [router] = cluster.routers;
  // Nobody takes writes in a cluster that follows another one.
  const wanted = cluster.source ? 'any' : 'read-write';
  const straight = addresses.length > 0 ? `${uri(addresses)}?target_session_attrs=${wanted}` : null;
  return { ...cluster, nodes, connect: router ? uri([router.address]) : straight };
}
