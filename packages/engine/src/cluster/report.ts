import type { Addresses, ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { RaftStatus } from '../raft/driver.ts';
import type { Activity } from './agent-options.ts';
import type { Observation } from './database.ts';
import type { Desire } from './desire.ts';

/** Everything a report is made of, already observed (the assembly is pure). */
export interface ReportInput {
  name: string;
  kind: 'data' | 'witness';
  version: string;
  atMs: number;
  addresses: Addresses;
  dataDir: string | null;
  state: ClusterState | null;
  desire: Desire;
  activity: Activity;
  isWell: boolean;
  observation: Observation | null;
  sealedEpoch: number;
  leaseRemainingMs: number | null;
  clone: NodeReport['clone'];
  raft: RaftStatus | null;
  pids: NodeReport['pids'];
}

export function buildReport(input: ReportInput): NodeReport {
  const { state, observation, raft } = input;
  const { role, shown } = roleOf(input);
  const leader = raft?.configuration.find((peer) => peer.id === raft.leaderId);
  return {
    name: input.name,
    version: input.version,
    atMs: input.atMs,
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
    leaseRemainingMs: input.leaseRemainingMs === null ? null : Math.round(input.leaseRemainingMs),
    standbys: role === 'primary' ? (observation?.standbys ?? []) : [],
    clone: input.clone,
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
  };
}

function hostState(input: ReportInput): NodeReport['host'] {
  const member = input.state?.members[input.name];
  if (member) return member.phase === 'joining' ? 'joining' : 'member';
  return input.raft ? 'joining' : 'available';
}

function roleOf(input: ReportInput): { role: NodeReport['role']; shown: Activity } {
  const { activity, desire, observation } = input;
  if (input.kind === 'witness') return { role: 'witness', shown: activity };
  if (desire.kind === 'lead' && activity.state === 'running') {
    if (!input.isWell)
      return { role: 'none', shown: { state: 'stopped', detail: 'PostgreSQL does not answer' } };
    return { role: 'primary', shown: activity };
  }
  const isStandby = observation?.inRecovery === true;
  if (desire.kind !== 'follow' || !isStandby)
    return { role: isStandby ? 'standby' : 'none', shown: activity };
  if (activity.state === 'cloning' || activity.state === 'waiting')
    return { role: 'standby', shown: activity };
  if (observation.receiverStatus === 'streaming')
    return { role: 'standby', shown: { state: 'streaming', detail: '' } };
  const detail = activity.detail || `not connected to ${desire.upstream.name}`;
  return { role: 'standby', shown: { state: 'catching-up', detail } };
}
