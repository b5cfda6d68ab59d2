import type { Addresses, ClusterState, HostKind } from '../contract/cluster-state.ts';
import type { Degraded, NodeReport } from '../contract/node-report.ts';
import type { RaftStatus } from '../raft/driver.ts';
import { upstreamSetFor } from '../replication/apart.ts';
import { durationWords, timeWords } from '../shared/words.ts';
import type { Activity } from './agent-options.ts';
import type { Observation } from './database.ts';
import type { Desire } from './desire.ts';
import { featureLevel } from './feature-level.ts';
import { applyDelayFor } from './standby-kind.ts';

/** Everything a report is made of, already observed (the assembly is pure). */
export interface ReportInput {
  name: string;
  kind: HostKind;
  version: string;
  atMs: number;
  uptimeMs: number;
  isSupervised: boolean;
  addresses: Addresses;
  dataDir: string | null;
  state: ClusterState | null;
  desire: Desire;
  activity: Activity;
  isWell: boolean;
  observation: Observation | null;
  sealedEpoch: number;
  leaseRemainingMs: number | null;
  vitals: NodeReport['vitals'];
  standing: { leaderlessSinceMs: number | null; unfedSinceMs: number | null };
  /** A Raft group may be without a leader for so long (an election) before anybody speaks of a lost quorum. */
  leaderlessMsMax: number;
  contacts: NodeReport['contacts'];
  clone: NodeReport['clone'];
  slotsNotReady?: NodeReport['slotsNotReady'];
  configuration: string | null;
  certificateUntilMs: number | null;
  raft: RaftStatus | null;
  pids: NodeReport['pids'];
  router: NodeReport['router'];
  troubles: NodeReport['troubles'];
}

export function buildReport(input: ReportInput): NodeReport {
  const { state, observation, raft } = input;
  const degraded = degradedOf(input);
  const { role, shown } = roleOf(input, degraded);
  const leader = raft?.configuration.find((peer) => peer.id === raft.leaderId);
  return {
    name: input.name,
    version: input.version,
    featureLevel,
    atMs: input.atMs,
    uptimeMs: input.uptimeMs,
    isSupervised: input.isSupervised,
    postgresVersion: observation?.version ?? null,
    cluster: state ? { id: state.clusterId, name: state.name } : null,
    host: hostState(input),
    addresses: input.addresses,
    kind: input.kind,
    role,
    state: shown.state,
    detail: shown.detail,
    epoch: state?.reign.epoch ?? 0,
    sealedEpoch: input.sealedEpoch,
    timeline: observation?.timeline ?? null,
    lsn: observation?.lsn ?? null,
    replayLsn: observation?.replayLsn ?? null,
    receiverStatus: observation?.receiverStatus ?? null,
    streamsFrom: senderOf(input),
    leaseRemainingMs: input.leaseRemainingMs === null ? null : Math.round(input.leaseRemainingMs),
    vitals: input.vitals,
    degraded,
    contacts: input.contacts,
    standbys: standbysOf(input, role),
    clone: input.clone,
    pendingRestart: observation?.pendingRestart ?? [],
    unguarded: role === 'primary' ? (observation?.unguarded ?? []) : [],
    cancelledWaits: observation?.cancelledWaits ?? 0,
    ...(role === 'standby' && input.slotsNotReady ? { slotsNotReady: input.slotsNotReady } : {}),
    configuration: input.configuration,
    certificateUntilMs: input.certificateUntilMs,
    raft: raft && {
      role: raft.role,
      term: raft.term,
      leader: leader?.name ?? null,
      commitIndex: raft.commitIndex,
      appliedIndex: raft.appliedIndex,
      fsyncMsMax: raft.fsyncMsMax,
      loopDelayMsMax: raft.loopDelayMsMax,
    },
    pids: input.pids,
    dataDir: input.dataDir,
    router: input.router,
    troubles: input.troubles,
  };
}

function hostState(input: ReportInput): NodeReport['host'] {
  const member = input.state?.members[input.name];
  if (member) return member.phase === 'joining' ? 'joining' : 'member';
  return input.raft ? 'joining' : 'available';
}

/**
 * Not for the moments of an election or a failover: only when the Raft group has been without a leader for longer, or no
 * node may be promoted, or a former primary has been let go on as a server of reads.
 */
function degradedOf(input: ReportInput): Degraded | null {
  const { desire, activity, observation } = input;
  const { leaderlessSinceMs, unfedSinceMs } = input.standing;
  if (input.kind !== 'data' || desire.kind === 'nothing' || unfedSinceMs === null) return null;
  const isLeaderless = leaderlessSinceMs !== null && input.atMs - leaderlessSinceMs >= input.leaderlessMsMax;
  const isHeld = desire.kind === 'hold' && input.atMs - unfedSinceMs >= input.leaderlessMsMax;
  if (!isLeaderless && !isHeld && activity.state !== 'read-only') return null;
  const isServer = observation?.inRecovery === true;
  const reads = isServer && observation.clients === 'open';
  const cutOff = desire.kind === 'follow' ? `cut off from the primary ${desire.upstream.name}` : '';
  return {
    hasQuorum: leaderlessSinceMs === null,
    reads,
    sinceMs: Math.max(leaderlessSinceMs ?? 0, unfedSinceMs),
    asOfMs: isServer ? observation.lastCommitMs : null,
    reason: (reads && cutOff) || activity.detail || 'PostgreSQL does not serve',
  };
}

function roleOf(
  input: ReportInput,
  degraded: Degraded | null,
): { role: NodeReport['role']; shown: Activity } {
  const { activity, desire, observation } = input;
  if (input.kind !== 'data') return { role: input.kind, shown: activity };
  if (desire.kind === 'lead' && activity.state === 'running') {
    if (!input.isWell)
      return { role: 'none', shown: { state: 'stopped', detail: 'PostgreSQL does not answer' } };
    return { role: 'primary', shown: activity };
  }
  const isStandby = observation?.inRecovery === true;
  if (degraded?.reads)
    return { role: 'standby', shown: { state: 'read-only', detail: readsWords(degraded) } };
  if (desire.kind !== 'follow' || !isStandby)
    return { role: isStandby ? 'standby' : 'none', shown: activity };
  if (['cloning', 'rewinding', 'waiting'].includes(activity.state))
    return { role: 'standby', shown: activity };
  if (observation.receiverStatus === 'streaming')
    return { role: 'standby', shown: { state: 'streaming', detail: fromWords(input) } };
  if (observation.isHeldBack && applyDelayFor(input.state, input.name) > 0)
    return { role: 'standby', shown: { state: 'delayed', detail: delayedWords(input) } };
  const detail = activity.detail || `not connected to ${desire.upstream.name}`;
  return { role: 'standby', shown: { state: 'catching-up', detail } };
}

/** A standby that streams from here is counted; one that has gone elsewhere on purpose is not missed. */
function standbysOf({ state, observation }: ReportInput, role: NodeReport['role']): NodeReport['standbys'] {
  return (observation?.standbys ?? []).filter(({ name, state: connection }) =>
    role === 'primary'
      ? connection !== 'disconnected' || upstreamSetFor(state?.members[name]) === null
      : role === 'standby' && connection !== 'disconnected',
  );
}

function senderOf({ state, observation }: ReportInput): string | null {
  const sender = observation?.inRecovery ? observation.sender : null;
  if (!state || !sender) return null;
  const found = Object.values(state.members).find(
    ({ addresses: { postgres } }) => postgres?.host === sender.host && postgres.port === sender.port,
  );
  return found?.name ?? null;
}

/** Only for whom it is not the primary by itself. */
function fromWords(input: ReportInput): string {
  const upstream = upstreamSetFor(input.state?.members[input.name]);
  const from = senderOf(input);
  if (upstream === null || from === null) return '';
  return from === upstream ? `from ${from}` : `from ${from} for now, not from ${upstream}`;
}

function delayedWords({ state, name }: ReportInput): string {
  const delay = durationWords(applyDelayFor(state, name));
  return `delayed by ${delay} on purpose: it receives WAL again once it has replayed what it holds`;
}

function readsWords({ hasQuorum, reason, sinceMs, asOfMs }: Degraded): string {
  const asOf = asOfMs === null ? '' : ` as of ${timeWords(asOfMs)}`;
  const what = hasQuorum ? 'primary' : 'quorum';
  return `no ${what} since ${timeWords(sinceMs)}: serves reads only${asOf}; ${reason}`;
}
