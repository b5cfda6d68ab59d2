import type { BackupConfig, Repository } from '../contract/backup.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';

/**
 * Who serves whom when a repository is on the disk of one of the hosts (pure). pgBackRest 2.45 makes, and removes, backups
 * only where the repository is, and reads the data of the nodes from there; the nodes push their WAL to it, and restore from
 * it. So the host of the repository serves every node that has data, and each of those serves the host of the repository.
 */

export type HostRepository = Extract<Repository, { type: 'host' }>;

type Members = Pick<ClusterState, 'members'>;

export interface OwnServer {
  gives: 'repository' | 'data';
  port: number;
  /** By the names in their certificates; sorted. */
  clients: string[];
}

/** The one of all repositories that is on the disk of a host: there is no more than one. */
export function hostRepositoryOf(
  config: Pick<BackupConfig, 'repository' | 'further'> | null | undefined,
): HostRepository | null {
  if (!config) return null;
  const all = [config.repository, ...(config.further ?? []).map(({ repository }) => repository)];
  return all.find((each) => each.type === 'host') ?? null;
}

/**
 * What a member serves; null when nobody has anything to ask of it.
 *
 * @param guests hosts of no cluster that restore from the repository now
 */
export function ownServerOf(
  state: Members,
  self: string,
  repository: HostRepository,
  guests: readonly string[] = [],
): OwnServer | null {
  const own = state.members[self];
  if (!own) return null;
  const nodes = Object.values(state.members).filter(({ name, kind }) => kind === 'data' && name !== self);
  if (self === repository.host) {
    const clients = [...new Set([...nodes.map(({ name }) => name), ...guests])].sort();
    return clients.length === 0 ? null : { gives: 'repository', port: repository.port, clients };
  }
  if (own.kind !== 'data') return null;
  return { gives: 'data', port: portOf(state, own, repository), clients: [repository.host] };
}

/** One server of this host. */
export interface Listening {
  port: number;
  stanza: string;
  clients: string[];
  /** The settings by which it gives out a repository; null: it gives out the data of this node only. */
  holding: BackupConfig | null;
}

/**
 * The servers of a member, by what is agreed on and what is tried before it is. What is tried takes nothing from what is
 * agreed on: on the same port it only adds who is answered, because what a client says of the directory counts.
 *
 * @param configs what is agreed on first
 */
export function listeningOf(
  state: Members,
  self: string,
  given: { configs: readonly BackupConfig[]; guests: readonly string[] },
): Listening[] {
  const found = new Map<number, Listening>();
  for (const config of given.configs) {
    const repository = hostRepositoryOf(config);
    const own = repository && ownServerOf(state, self, repository, given.guests);
    if (!own) continue;
    const known = found.get(own.port);
    found.set(own.port, {
      ...{ port: own.port, stanza: config.stanza },
      clients: [...new Set([...(known?.clients ?? []), ...own.clients])].sort(),
      holding: known?.holding ?? (own.gives === 'repository' ? config : null),
    });
  }
  return [...found.values()];
}

/** Every member that serves, the host of the repository first. */
export function serversOf(state: Members, repository: HostRepository): { member: Member; own: OwnServer }[] {
  return Object.values(state.members)
    .flatMap((member) => {
      const own = ownServerOf(state, member.name, repository);
      return own ? [{ member, own }] : [];
    })
    .sort(
      (left, right) => Number(right.own.gives === 'repository') - Number(left.own.gives === 'repository'),
    );
}

/** Where one member reaches the server of another. */
export function endpointOf(
  state: Members,
  member: Member,
  repository: HostRepository,
): { host: string; port: number } {
  return { host: member.addresses.api.host, port: portOf(state, member, repository) };
}

/**
 * The same port everywhere, so that a firewall has one rule. Only members that share an address cannot: there the data nodes
 * listen above it, each by the number that it never shares.
 */
function portOf(state: Members, member: Member, repository: HostRepository): number {
  if (member.name === repository.host) return repository.port;
  const isShared = Object.values(state.members).some(
    (other) => other.name !== member.name && other.addresses.api.host === member.addresses.api.host,
  );
  return isShared ? repository.port + member.raftId : repository.port;
}

/** Why this repository cannot be on that host; null when it can. */
export function whyNotHost(state: Members, repository: HostRepository): string | null {
  const member = state.members[repository.host];
  if (!member)
    return `${repository.host} is no member of this cluster: add it first, as a witness if it has no data.`;
  if (member.kind === 'router')
    return `${repository.host} only routes: a witness or a data node can hold the repository.`;
  const tooHigh = Object.values(state.members).find(
    (each) => each.kind === 'data' && portOf(state, each, repository) > 65_535,
  );
  return tooHigh
    ? `Port ${repository.port} leaves none for ${tooHigh.name}, which shares its address: choose a lower one.`
    : null;
}
