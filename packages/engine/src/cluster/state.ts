import type { ClusterState, TimelineRecord } from '../contract/cluster-state.ts';
import { clusterStateSchema, usualPolicy } from '../contract/cluster-state.ts';
import { emptySyncSet } from '../replication/quorum.ts';
import { QuantaError } from '../shared/errors.ts';
import { setAccess } from './access-change.ts';
import * as backups from './apply-backup.ts';
import * as followers from './apply-followers.ts';
import * as members from './apply-membership.ts';
import * as operations from './apply-operations.ts';
import * as reigns from './apply-reign.ts';
import * as restores from './apply-restore.ts';
import * as sources from './apply-source.ts';
import * as syncSets from './apply-sync-set.ts';
import type { Command, CommandOf, CommandResult } from './commands.ts';
import { type Draft, draftOf } from './draft.ts';
import { featureLevel, lostPart } from './feature-level.ts';
import { setRouter } from './router-change.ts';
import * as scheduling from './scheduling.ts';

/**
 * ClusterState and how commands change it (pure): the same commands in the same order give the same state on every
 * node. `apply` works on a copy and returns it only when the command is accepted.
 */

export interface Applied {
  state: ClusterState | null;
  result: CommandResult;
}

/**
 * @param state null before the cluster was created; then only `create` is accepted
 * @param atMs wall clock of the proposer, for display
 */
export function apply(state: ClusterState | null, command: Command, atMs: number): Applied {
  if (command.kind === 'create') {
    return state === null
      ? { state: createdState(command, atMs), result: { ok: true, raftId: 1 } }
      : { state, result: { ok: false, reason: 'the cluster exists already' } };
  }
  if (state === null) return { state, result: { ok: false, reason: 'the cluster has not been created yet' } };
  const next = copyOf(state);
  next.revision += 1;
  const result = dispatch(draftOf(next, atMs), command);
  return result.ok ? { state: next, result } : { state, result };
}

/**
 * What is past is added to and forgotten, and never changed: it is shared, not copied. It is most of a state, and a daemon that starts
 * applies up to thousands of entries before it can renew a lease.
 */
function copyOf(state: ClusterState): ClusterState {
  const { events, pastFailovers, pastOperations, ...present } = state;
  const past = {
    events: [...events],
    pastFailovers: [...pastFailovers],
    pastOperations: [...pastOperations],
  };
  // Begun with the state itself, so that its parts stay in their order.
  return { ...state, ...structuredClone(present), ...past };
}

function dispatch(draft: Draft, command: Exclude<Command, { kind: 'create' }>): CommandResult {
  if (sources.isAboutSource(command)) return sources.applySource(draft, command);
  if (followers.isAboutFollower(command)) return followers.applyFollower(draft, command);
  if (restores.isAboutRestore(command)) return restores.applyRestore(draft, command);
  if (backups.isAboutBackup(command)) return backups.applyBackup(draft, command);
  if (command.kind === 'set-access') return setAccess(draft, command);
  return dispatchUsual(draft, command);
}

type UsualCommand = Exclude<
  Command,
  | { kind: 'create' | 'set-access' }
  | sources.SourceCommand
  | followers.FollowerCommand
  | restores.RestoreCommand
  | backups.BackupCommand
>;

function dispatchUsual(draft: Draft, command: UsualCommand): CommandResult {
  switch (command.kind) {
    case 'identify':
      return members.identify(draft, command);
    case 'add-member':
      return members.addMember(draft, command);
    case 'set-phase':
      return members.setPhase(draft, command);
    case 'set-maintenance':
      return members.setMaintenance(draft, command);
    case 'set-node':
      return members.setNode(draft, command);
    case 'remove-member':
      return members.removeMember(draft, command);
    case 'grant-first':
      return reigns.grantFirst(draft, command);
    case 'begin-failover':
      return reigns.beginFailover(draft, command);
    case 'block-failover':
      return reigns.blockFailover(draft, command);
    case 'set-lease':
      return reigns.setLease(draft, command);
    case 'grant':
      return reigns.grant(draft, command);
    case 'record-timeline':
      return reigns.recordTimeline(draft, command);
    case 'end-failover':
      return reigns.endFailover(draft, command);
    case 'move-sync-set':
      return syncSets.moveSyncSet(draft, command);
    case 'confirm-sync-set':
      return syncSets.confirmSyncSet(draft, command);
    case 'set-durability':
      return syncSets.setDurability(draft, command);
    case 'set-parameters':
      return members.setParameters(draft, command);
    case 'set-router':
      return setRouter(draft, command);
    case 'begin-operation':
      return operations.beginOperation(draft, command);
    case 'step-operation':
      return operations.stepOperation(draft, command);
    case 'cancel-operation':
      return operations.cancelOperation(draft, command);
    case 'end-operation':
      return operations.endOperation(draft, command);
    case 'schedule':
      return scheduling.schedule(draft, command);
    case 'unschedule':
      return scheduling.unschedule(draft, command);
    case 'raise-level':
      return raiseLevel(draft, command);
    case 'adopt-history':
      return reigns.adoptHistory(draft, command);
    case 'note':
      return note(draft, command);
  }
}

function note(draft: Draft, { severity, event, message, node }: CommandOf<'note'>): CommandResult {
  draft.event(severity, event, message, node ?? undefined);
  return { ok: true };
}

/** Only ever upwards: what the state may contain from now on, an older daemon cannot read. */
function raiseLevel(draft: Draft, { level }: CommandOf<'raise-level'>): CommandResult {
  if (level <= (draft.state.level ?? 1)) return { ok: true };
  draft.state.level = level;
  draft.event('info', 'level-raised', `Every daemon knows level ${level}: older ones can no longer join.`);
  return { ok: true };
}

function createdState(command: CommandOf<'create'>, atMs: number): ClusterState {
  const state: ClusterState = {
    version: 1,
    revision: 1,
    level: featureLevel,
    clusterId: command.clusterId,
    name: command.name,
    createdAtMs: atMs,
    nextRaftId: 2,
    systemIdentifier: (command.adopted ?? command.following)?.systemIdentifier ?? null,
    ...(command.adopted ? { adopted: true } : {}),
    ...(command.following ? { source: command.following.source } : {}),
    members: {
      [command.founder.name]: {
        ...command.founder,
        raftId: 1,
        phase: 'active',
        maintenance: null,
        policy: usualPolicy,
      },
    },
    reign: { epoch: 0, primary: null, timeline: (command.adopted ?? command.following)?.timeline ?? 1 },
    timelines: command.following?.timelines ?? timelinesOf(command.adopted ?? { timeline: 1, history: [] }),
    syncSet: emptySyncSet,
    syncProgress: { move: 0, unconfirmed: [] },
    durability: command.durability,
    parameters: command.parameters,
    hba: command.hba,
    failover: null,
    pastFailovers: [],
    operation: null,
    pastOperations: [],
    events: [],
    nextEventId: 1,
  };
  draftOf(state, atMs).event(
    'info',
    'cluster-created',
    `Cluster ${command.name} was created on ${command.founder.name}.`,
  );
  return state;
}

/** The first timeline, with the past that leads to it. */
function timelinesOf({
  timeline,
  history,
}: Pick<NonNullable<CommandOf<'create'>['adopted']>, 'timeline' | 'history'>): TimelineRecord[] {
  const ids = [...history.map((entry) => entry.timeline), timeline];
  return ids.map((id, index) => ({
    id,
    parentId: ids[index - 1] ?? null,
    forkLsn: history[index - 1]?.endLsn ?? null,
    epoch: 1,
    status: 'recorded',
  }));
}

/** The state as a snapshot of the Raft log stores it. */
export function encodeState(state: ClusterState | null): string {
  return JSON.stringify(state);
}

/**
 * @throws QuantaError STORAGE_CORRUPT when the text is not a state this version knows: guessing would fork the cluster
 */
export function decodeState(text: string): ClusterState | null {
  const raw: unknown = JSON.parse(text);
  const parsed = clusterStateSchema.nullable().safeParse(raw);
  const lost = parsed.success ? lostPart(raw, parsed.data) : null;
  if (parsed.success && lost === null) return parsed.data;
  const why = parsed.success ? `${lost} is not known here` : parsed.error.message;
  throw new QuantaError('STORAGE_CORRUPT', `the snapshot of the cluster state cannot be read: ${why}`, {
    hint: 'This daemon may be older than the one that wrote it: install the same version as on the other nodes.',
  });
}
