import { backupStanding } from '../backup/proven.ts';
import { rowOf } from '../cluster/contacts.ts';
import { followersIn } from '../cluster/followers.ts';
import { memberByRaftId, voteAdvice, zoneAdvice } from '../cluster/membership.ts';
import { nodeNotes } from '../cluster/node-change.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { PlanInput } from '../cluster/plan-body.ts';
import type { Preflight } from '../cluster/preflight.ts';
import type { SourceLook } from '../cluster/source-look.ts';
import type { SourceView } from '../cluster/source-view.ts';
import type { Leadership } from '../cluster/store.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
import type { Network } from '../contract/network.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { ClusterStatus, FailoverView, NodeStatus } from '../contract/status.ts';
import { judgeNetwork } from '../failover/connectivity.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { noQuorumOf } from './no-quorum.ts';
import { bytesBehind, sourceStatusOf } from './source-status.ts';
import { standbyLag } from './standby-lag.ts';
import { judge, spareOf } from './verdict.ts';

export interface ClusterMonitorOptions {
  self: string;
  peers: Peers;
  look: SourceLook;
  logger: Logger;
  state(): ClusterState | null;
  leadership(): Leadership;
  votersNow(): ReadonlySet<number>;
  wallMs(): number;
}

const reportDeadlineMs = 800;
const preflightDeadlineMs = 15_000;

/** Sees the whole cluster from any node: asks every member's daemon, each with a deadline, and judges. */
export class ClusterMonitor {
  private readonly options: ClusterMonitorOptions;

  constructor(options: ClusterMonitorOptions) {
    this.options = options;
  }

  /** What a member says of itself right now, or null when it does not answer in time. */
  async reportOf(
    member: Pick<Member, 'name' | 'addresses'>,
    deadlineMs = reportDeadlineMs,
  ): Promise<NodeReport | null> {
    try {
      return await this.options.peers.call(member, 'report', { input: {}, deadlineMs });
    } catch (error) {
      this.options.logger.debug({ peer: member.name, error: messageOf(error) }, 'no report');
      return null;
    }
  }

  async reports(): Promise<Map<string, NodeReport>> {
    const members = Object.values(this.options.state()?.members ?? {});
    const answers = await Promise.all(members.map((member) => this.reportOf(member)));
    return new Map(answers.filter((report) => report !== null).map((report) => [report.name, report]));
  }

  /**
   * Looks at a host that is to hold a copy of the primary's data.
   *
   * @throws QuantaError when the primary or the host does not answer
   */
  async preflight(host: Pick<Member, 'name' | 'addresses'>): Promise<Preflight> {
    const { state, peers, wallMs } = this.options;
    const now = state();
    const primary = now?.members[now.source?.leader ?? now.reign.primary ?? ''];
    if (!now || !primary) throw new QuantaError('REFUSED', 'there is no primary to compare it with');
    const limits = { deadlineMs: preflightDeadlineMs };
    const facts = await peers.call(primary, 'server-facts', {
      input: { clusterId: now.clusterId },
      ...limits,
    });
    const { libraries } = facts;
    const found = await peers.call(host, 'inspect-host', { input: { libraries }, ...limits });
    return { host: found, primary: facts, nowMs: wallMs() };
  }

  async planInput(): Promise<PlanInput> {
    const { self, state, votersNow, wallMs } = this.options;
    const reports = await this.reports();
    return { state: state(), self, nowMs: wallMs(), votersNow: votersNow(), reports };
  }

  async status(): Promise<ClusterStatus | null> {
    const state = this.options.state();
    if (!state) return null;
    const [reports, view] = await Promise.all([this.reports(), this.sourceNow(state)]);
    const source = sourceStatusOf(state, { view, reports });
    const nodes = Object.values(state.members)
      .sort((left, right) => left.raftId - right.raftId)
      .map((member) => behindSource(this.nodeStatus(state, member, reports), { view, reports, source }));
    const { leaderRaftId, term } = this.options.leadership();
    const noQuorum = noQuorumOf({ state, voters: this.options.votersNow(), reports });
    const network = networkOf(state, reports);
    const unguarded = reports.get(state.reign.primary ?? '')?.unguarded ?? [];
    const leader = leaderRaftId === null ? undefined : memberByRaftId(state, leaderRaftId);
    const seen = { state, nodes, hasLeader: leader !== undefined, noQuorum, network, unguarded, source };
    return {
      name: state.name,
      ...judge(seen),
      primary: nodes.find((node) => node.role === 'primary')?.name ?? null,
      epoch: state.reign.epoch,
      timeline: state.reign.timeline,
      durability: state.durability.mode,
      backups: backupStanding(state),
      revision: state.revision,
      raft: { leader: leader?.name ?? null, term },
      connect: null,
      routers: routersOf(reports),
      router: state.router ?? {},
      nodes,
      noQuorum,
      network,
      spare: spareOf(seen),
      scheduled: state.scheduled ?? [],
      advice: voteAdvice(state, this.options.votersNow()) ?? zoneAdvice(state, this.options.votersNow()),
      source,
      followers: followersIn(reports.get(state.reign.primary ?? '')),
      failover: lastFailover(state),
    };
  }

  /** Null in usual clusters too. */
  private async sourceNow({ source }: ClusterState): Promise<SourceView | null> {
    return source ? this.options.look.now(source) : null;
  }

  private nodeStatus(state: ClusterState, member: Member, reports: Map<string, NodeReport>): NodeStatus {
    const report = reports.get(member.name);
    const lag = standbyLag(member.name, { primary: state.reign.primary, reports });
    const isPrimary = report?.role === 'primary';
    const votes = this.options.votersNow().has(member.raftId);
    const address = member.addresses.postgres;
    const inSet = state.syncSet.standbys.includes(member.name);
    return {
      name: member.name,
      kind: member.kind,
      role: report?.role ?? 'none',
      state: report?.state ?? 'unreachable',
      detail: report?.detail ?? 'its daemon does not answer',
      address: address ? `${address.host}:${address.port}` : null,
      postgres: null,
      api: `http://${member.addresses.api.host}:${member.addresses.api.port}`,
      ...(report?.dataDir ? { dataDir: report.dataDir } : {}),
      timeline: report?.timeline ?? null,
      lsn: report?.lsn ?? null,
      lagBytes: isPrimary ? 0 : lag.lagBytes,
      lagMs: isPrimary ? 0 : lag.lagMs,
      sync: isPrimary || member.kind !== 'data' ? 'none' : inSet ? 'quorum' : 'async',
      raft: votes ? 'voter' : 'learner',
      maintenance: member.maintenance !== null,
      zone: member.zone,
      streamsFrom: report?.streamsFrom ?? null,
      policy: member.policy,
      notes: [...nodeNotes(member), ...slotNotes(report?.slotsNotReady)],
      troubles: report?.troubles ?? [],
      postgresVersion: report?.postgresVersion ?? null,
      daemonVersion: report?.version ?? null,
      pendingRestart: report?.pendingRestart ?? [],
      clone: report?.clone ?? null,
      ...(report ? { pids: report.pids } : {}),
    };
  }
}

/** In a standby cluster no primary says how far a node is behind; the source does. */
function behindSource(
  node: NodeStatus,
  {
    view,
    reports,
    source,
  }: {
    view: SourceView | null;
    reports: ReadonlyMap<string, NodeReport>;
    source: ClusterStatus['source'];
  },
): NodeStatus {
  const lagBytes = bytesBehind(view, reports.get(node.name)?.replayLsn ?? null);
  if (lagBytes === null) return node;
  const leads = node.name === source?.leader;
  return { ...node, lagBytes, lagMs: lagBytes === 0 ? 0 : leads ? source.lagMs : null };
}

function slotNotes(notReady: NodeReport['slotsNotReady'] = []): string[] {
  return notReady.map(({ name, reason }) => `not ready for logical slot ${name}: ${reason}`);
}

function routersOf(reports: ReadonlyMap<string, NodeReport>): ClusterStatus['routers'] {
  return [...reports.values()]
    .flatMap(({ name, router }) => {
      if (!router) return [];
      const { address, ...traffic } = router;
      return [{ node: name, address: `${address.host}:${address.port}`, traffic }];
    })
    .sort((left, right) => left.node.localeCompare(right.node));
}

/** From the rows of every node that answered now; one that does not answer is silent to the node that asks. */
function networkOf(state: ClusterState, reports: ReadonlyMap<string, NodeReport>): Network {
  const nodes = Object.values(state.members)
    .filter((member) => member.phase === 'active')
    .map((member) => member.name);
  return judgeNetwork(
    nodes,
    [...reports.values()].map((report) => rowOf(report.name, report.contacts)),
  );
}

function lastFailover(state: ClusterState): FailoverView | null {
  const failover = state.failover ?? state.pastFailovers.at(-1);
  if (!failover) return null;
  const { votes: _votes, ...view } = failover;
  return view;
}
