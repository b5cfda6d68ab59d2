import { dataMembers } from '../cluster/membership.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { BackupConfig, BackupJob, BackupWork } from '../contract/backup.ts';
import type { BackupNodeView } from '../contract/backup-view.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { delayMsOf, upstreamSetFor } from '../replication/apart.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { type HostRepository, hostRepositoryOf, ownServerOf } from './host-way.ts';
import type { JobOrder, Strain } from './job-order.ts';
import { type BackupCandidate, chooseNode, type NodeChoice } from './node-choice.ts';

export interface JobAssignerOptions {
  peers: Peers;
  monitor: ClusterMonitor;
  logger: Logger;
  clock: Clock;
}

/** Who does a piece of work, and what it is told of the others beside what the work is. */
export type Assignment =
  | {
      ok: true;
      node: Member;
      fromStandby: boolean;
      others: Pick<JobOrder, 'primary' | 'servers' | 'segmentBytes'>;
    }
  | { ok: false; reason: string };

type Chosen = Extract<NodeChoice, { ok: true }>;
type Views = Map<string, BackupNodeView>;

const askDeadlineMs = 10_000;
const strainEveryMs = 12_000;

/** Chooses the host for each piece of work, from what all of them say of themselves. */
export class JobAssigner {
  private readonly options: JobAssignerOptions;
  /** The node that a backup on the host of the repository reads, and how it was a moment ago. */
  private read: { jobId: string; node: string; strain: Strain; atMs: number } | null = null;

  constructor(options: JobAssignerOptions) {
    this.options = options;
  }

  async assign(state: ClusterState, config: BackupConfig, job: BackupJob): Promise<Assignment> {
    const views = await this.describeAll(state);
    const repository = hostRepositoryOf(config);
    const work = { work: job.work, repository };
    const choice = chooseNode(await this.candidatesOf(state, work, views), config.impact);
    if (!choice.ok) {
      const reasons = choice.refused.map(({ node, why }) => `${node}: ${why}`).join('; ');
      return { ok: false, reason: `${choice.reason}${reasons ? ` (${reasons})` : ''}`.slice(0, 1000) };
    }
    if (repository && isForHost(job.work)) return this.atHost(state, { repository, job, views, choice });
    const node = state.members[choice.node];
    if (!node) return { ok: false, reason: `${choice.node} is no member any more` };
    const fromStandby = choice.fromStandby && job.work.kind === 'backup';
    const primary = fromStandby ? (views.get(state.reign.primary ?? '')?.server ?? null) : null;
    return { ok: true, node, fromStandby, others: { primary } };
  }

  /** Of the node that the job reads from another host; null when it reads its own, or nobody knows. */
  async strainOf(state: ClusterState, job: BackupJob): Promise<Strain | null> {
    const { read } = this;
    if (read?.jobId !== job.id) return null;
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs - read.atMs < strainEveryMs) return read.strain;
    const member = state.members[read.node];
    const [view, lags] = await Promise.all([
      member ? this.describe(state, member) : null,
      this.lagsOf(state),
    ]);
    read.strain = { load: view?.load ?? null, lagBytes: lags.get(read.node) ?? null };
    read.atMs = nowMs;
    return read.strain;
  }

  /** Where the repository is its files are written and removed; the nodes only give what they have. */
  private async atHost(
    state: ClusterState,
    known: { repository: HostRepository; job: BackupJob; views: Views; choice: Chosen },
  ): Promise<Assignment> {
    const { repository, job, views, choice } = known;
    const node = state.members[repository.host];
    if (!node)
      return { ok: false, reason: `${repository.host}, which holds the repository, is no member any more` };
    const view = views.get(node.name) ?? (await this.describe(state, node));
    if (!view) return { ok: false, reason: `${node.name}, which holds the repository, does not answer` };
    if (view.problem)
      return { ok: false, reason: `${node.name}, which holds the repository: ${view.problem}` };
    const fromStandby = choice.fromStandby && job.work.kind === 'backup';
    const names = [state.reign.primary ?? '', ...(fromStandby ? [choice.node] : [])];
    const servers = names.flatMap((name) => {
      const server = views.get(name)?.server;
      return server ? [{ node: name, server }] : [];
    });
    const segmentBytes = views.get(choice.node)?.segmentBytes;
    if (servers.length < names.length || segmentBytes == null)
      return { ok: false, reason: `${names.join(' or ')} does not say where its data is` };
    const strain = { load: null, lagBytes: null };
    this.read = { jobId: job.id, node: choice.node, strain, atMs: Number.NEGATIVE_INFINITY };
    return { ok: true, node, fromStandby, others: { primary: null, servers, segmentBytes } };
  }

  private async describeAll(state: ClusterState): Promise<Views> {
    const members = dataMembers(state).filter((member) => member.phase === 'active');
    const views = await Promise.all(members.map((member) => this.describe(state, member)));
    return new Map(members.flatMap(({ name }, at) => (views[at] ? [[name, views[at]] as const] : [])));
  }

  private async describe(state: ClusterState, member: Member): Promise<BackupNodeView | null> {
    try {
      const input = { clusterId: state.clusterId };
      return await this.options.peers.call(member, 'backup-node', { input, deadlineMs: askDeadlineMs });
    } catch (error) {
      this.options.logger.debug(
        { node: member.name, error: messageOf(error) },
        'a node does not describe itself',
      );
      return null;
    }
  }

  private async lagsOf(state: ClusterState): Promise<Map<string, number | null>> {
    const reports = await this.options.monitor.reports();
    const standbys = reports.get(state.reign.primary ?? '')?.standbys ?? [];
    return new Map(standbys.map(({ name, lagBytes }) => [name, lagBytes]));
  }

  private async candidatesOf(
    state: ClusterState,
    known: { work: BackupWork; repository: HostRepository | null },
    views: Views,
  ): Promise<BackupCandidate[]> {
    const reports = await this.options.monitor.reports();
    const lags = await this.lagsOf(state);
    const primary = state.members[state.reign.primary ?? ''];
    return dataMembers(state).map((member) => {
      const report = reports.get(member.name);
      const view = views.get(member.name);
      const isPrimary = member.name === primary?.name;
      const serves = isPrimary
        ? report?.role === 'primary' && report.state === 'running'
        : report?.state === 'streaming';
      return {
        name: member.name,
        isPrimary,
        isServing: serves,
        lagBytes: isPrimary ? 0 : (lags.get(member.name) ?? null),
        isInMaintenance: member.maintenance !== null,
        load: view?.load ?? null,
        problem: view
          ? (view.problem ?? whyApart(member) ?? whyOutOfReach(state, { ...known, member, view }))
          : 'it does not answer',
      };
    });
  }
}

/** What writes to the repository, or reads all of it. */
function isForHost(work: BackupWork): boolean {
  return work.kind === 'backup' || work.kind === 'expire' || work.kind === 'verify';
}

/** A backup from a standby waits until that one has replayed what the primary has just written. */
function whyApart(member: Member): string | null {
  if (delayMsOf(member) > 0) return 'it is delayed on purpose';
  return upstreamSetFor(member) === null ? null : 'it streams from another standby';
}

/** A backup is begun on the primary by the same process that reads a standby. */
function whyOutOfReach(
  state: ClusterState,
  asked: { work: BackupWork; repository: HostRepository | null; member: Member; view: BackupNodeView },
): string | null {
  const { work, repository, member, view } = asked;
  if (work.kind !== 'backup') return null;
  if (repository) {
    // The host of the repository reads itself without any server.
    const isAsked = member.name !== repository.host && ownServerOf(state, member.name, repository) !== null;
    const { tlsServer } = view;
    if (!isAsked || tlsServer?.state === 'running') return null;
    return `its backup server does not run${tlsServer?.detail ? `: ${tlsServer.detail}` : ''}`;
  }
  const primary = state.members[state.reign.primary ?? ''];
  const isFar = member.name !== primary?.name && member.addresses.api.host !== primary?.addresses.api.host;
  return isFar ? 'the primary runs on another machine' : null;
}
