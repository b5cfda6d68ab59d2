import type { BackupHost } from '../backup/backup-host.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { DaemonFacade } from '../contract/daemon-facade.ts';
import type { FailoverManager } from '../failover/failover-manager.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { confirmDeadlineMs } from '../replication/synchronous.ts';
import { systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { backupPeerHandlers } from './backup-peers.ts';
import type { Commander } from './commander.ts';
import type { Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import { newsOfFollower } from './followers.ts';
import type { HostTools } from './host-tools.ts';
import type { NodeAgent } from './node-agent.ts';
import type { PeerHandlers, PeerInput, PeerOutput } from './peer-protocol.ts';
import type { RaftGroup } from './raft-group.ts';
import { RestartTurn } from './restart-turn.ts';
import type { SourceLook } from './source-look.ts';
import { letIn, sourcePeerHandlers } from './source-peers.ts';

export interface PeerHandlerResources {
  self: string;
  group: RaftGroup;
  commander: Commander;
  agent: NodeAgent;
  database: Database | null;
  /** Null where there is no PostgreSQL to back up. */
  backups: BackupHost | null;
  failovers: FailoverManager;
  monitor: ClusterMonitor;
  contacts: Contacts;
  look: SourceLook;
  /** Null where there is no real machine. */
  tools: HostTools | null;
  coordinator: Pick<DaemonFacade, 'report' | 'plan' | 'start'> & {
    joinCluster(input: PeerInput<'join'>): Promise<PeerOutput<'join'>>;
    leaveCluster(): Promise<PeerOutput<'leave'>>;
  };
}

const submitDeadlineMs = 5000;
const proofDeadlineMs = 1000;
const letInDeadlineMs = 2000;
/** The log of whoever asks may be a heartbeat ahead. */
const moveDeadlineMs = 1000;
/** Less than whoever asks waits for the answer: that the primary is silent is an answer too. */
const hearDeadlineMs = 350;

type SupplyMethod = 'prepare-clone' | 'holds-wal' | 'kept-slots' | 'copy-logical-slots' | 'prepare-rewind';

/** What a primary does for those that copy its data or stream from it. */
function supplyHandlers(resources: PeerHandlerResources): Pick<PeerHandlers, SupplyMethod> {
  const inCluster = (clusterId: string): ClusterState => requireCluster(resources.group, clusterId);
  const turn = new RestartTurn();
  return {
    'prepare-clone': async ({ clusterId, node, follower }, peer) => {
      const state = inCluster(clusterId);
      const database = requireDatabase(resources);
      if (follower === undefined && !state.members[node])
        return { ok: false, reason: `${node} is no member` };
      if (!(await database.isPrimary()) && !feedsOthers(state, resources.self, database))
        return { ok: false, reason: 'this node is not primary' };
      if (follower !== undefined) {
        const known = state.followers?.[follower];
        const hosts = known?.hosts === null ? null : [...(known?.hosts ?? []), peer];
        await letIn(resources.commander, newsOfFollower(state, follower, hosts));
        await database.followers?.keep(follower, null);
      } else await database.ensureSlots([node]);
      // Its first connection would be refused by what PostgreSQL was told before.
      await resources.agent.untilLetIn(peer, letInDeadlineMs);
      return { ok: true };
    },
    'holds-wal': async ({ clusterId, lsn }) => {
      const state = inCluster(clusterId);
      const database = requireDatabase(resources);
      // Whoever is not primary cannot tell, and nobody gives its data up for that.
      const isJudge = (await database.isPrimary()) || feedsOthers(state, resources.self, database);
      return { holds: !isJudge || (await database.holdsWal(lsn)) };
    },
    'kept-slots': async ({ clusterId }, peer) => {
      inCluster(clusterId);
      const database = requireDatabase(resources);
      if (!database.mirror || !(await database.isPrimary())) return { slots: null };
      return { slots: await database.mirror.kept(), logical: await database.mirror.logical.offerTo(peer) };
    },
    'copy-logical-slots': async ({ clusterId, names }, peer) => {
      const state = inCluster(clusterId);
      if (!state.members[peer]) return { ok: false, reason: `${peer} is no member` };
      const database = requireDatabase(resources);
      if (!database.mirror || !(await database.isPrimary()))
        return { ok: false, reason: 'this node is not primary' };
      const states = await database.mirror.logical.states(names);
      const seen = { state, observation: database.observation(), nowMs: systemClock.monotonicMs() };
      return { ok: true, states, whyNoRestart: turn.take(peer, seen) };
    },
    'prepare-rewind': async ({ clusterId, node, follower }) => {
      const state = inCluster(clusterId);
      if (follower === undefined && !state.members[node])
        return { ok: false, reason: `${node} is no member` };
      const database = requireDatabase(resources);
      if (!(await database.isPrimary())) return { ok: false, reason: 'this node is not primary' };
      if (follower !== undefined) await database.followers?.keep(follower, null);
      return { ok: true, ready: await database.offerRewind(follower === undefined ? node : null) };
    },
  };
}

/** What this daemon does when another one asks. Calls about a cluster this host is not in are refused. */
export function peerHandlers(resources: PeerHandlerResources): PeerHandlers {
  const { group, agent, coordinator } = resources;
  const inCluster = (clusterId: string): ClusterState => requireCluster(group, clusterId);
  return {
    report: async () => coordinator.report(),
    contacts: async () => ({ contacts: resources.contacts.own() }),
    submit: async ({ clusterId, command }) => {
      inCluster(clusterId);
      return group.submit(command, submitDeadlineMs);
    },
    'prove-epoch': async ({ clusterId }) => {
      inCluster(clusterId);
      return { epoch: await group.provenEpoch(proofDeadlineMs) };
    },
    seal: async ({ clusterId, epoch, failoverId, patienceMs }) => {
      inCluster(clusterId);
      return agent.seal(epoch, failoverId, patienceMs);
    },
    demote: async ({ clusterId, epoch, failoverId }) => {
      inCluster(clusterId);
      return agent.demote(epoch, failoverId);
    },
    'prepare-switchover': async ({ clusterId }) => {
      inCluster(clusterId);
      return requireDatabase(resources).prepareStop();
    },
    'confirm-sync-set': async ({ clusterId, epoch, move, setting, isFirst }) => {
      inCluster(clusterId);
      await agent.untilMove(move, moveDeadlineMs);
      const state = inCluster(clusterId);
      if (state.reign.epoch !== epoch)
        return { ok: false, reason: `the epoch is ${state.reign.epoch} by now` };
      // The mode is taken from the same state: that of another move may not wait at all.
      if (state.syncProgress.move !== move)
        return {
          ok: false,
          reason: `number ${state.syncProgress.move} of the synchronous set is known here`,
        };
      const database = requireDatabase(resources);
      if (!(await database.isPrimary())) return { ok: false, reason: 'this node is not primary' };
      return database.confirmSynchronous({
        set: setting,
        mode: state.durability.mode,
        mark: { clusterId, move },
        isFirst,
        deadlineMs: confirmDeadlineMs(isFirst),
      });
    },
    ...supplyHandlers(resources),
    ...newsHandlers(resources),
    ...upkeepHandlers(resources),
    ...hostHandlers(resources),
    ...backupPeerHandlers(resources.backups, inCluster),
    ...sourcePeerHandlers({ ...resources, state: () => group.state() }),
    join: async (input) => coordinator.joinCluster(input),
    leave: async ({ clusterId }) => {
      inCluster(clusterId);
      return coordinator.leaveCluster();
    },
    plan: async (request) => coordinator.plan(request),
    start: async (start) => coordinator.start(start),
  };
}

/** What a node says of the primary, or the primary of itself. */
function newsHandlers(
  resources: PeerHandlerResources,
): Pick<PeerHandlers, 'hears-primary' | 'primary-lost' | 'primary-restarts'> {
  const { group, failovers } = resources;
  const inCluster = (clusterId: string): ClusterState => requireCluster(group, clusterId);
  return {
    'hears-primary': async ({ clusterId, epoch }) => hearsPrimary(resources, inCluster(clusterId), epoch),
    'primary-lost': async ({ clusterId, epoch, detail }, peer) => {
      const state = inCluster(clusterId);
      if (state.reign.primary === peer && state.reign.epoch === epoch)
        failovers.primaryLost({ epoch, detail });
      return {};
    },
    'primary-restarts': async ({ clusterId, epoch, forMs }, peer) => {
      const state = inCluster(clusterId);
      if (state.reign.primary === peer) failovers.primaryRestarts({ epoch, forMs });
      return {};
    },
  };
}

/** What operations ask of a node's PostgreSQL. */
function upkeepHandlers(
  resources: PeerHandlerResources,
): Pick<PeerHandlers, 'restart-postgres' | 'reinitialise' | 'check-parameters'> {
  const { group, agent } = resources;
  const inCluster = (clusterId: string): ClusterState => requireCluster(group, clusterId);
  return {
    'restart-postgres': async ({ clusterId }) => {
      inCluster(clusterId);
      return refusable(() => agent.restart());
    },
    reinitialise: async ({ clusterId, why }) => {
      inCluster(clusterId);
      return refusable(() => agent.reinitialise(why));
    },
    'check-parameters': async ({ clusterId, parameters }) => {
      inCluster(clusterId);
      return { refused: await requireDatabase(resources).refusedParameters(parameters) };
    },
  };
}

/** What operations ask of the machine. */
function hostHandlers(
  resources: PeerHandlerResources,
): Pick<
  PeerHandlers,
  | 'inspect-host'
  | 'server-facts'
  | 'server-settings'
  | 'set-own-durability'
  | 'check-access'
  | 'program-version'
  | 'use-programs'
  | 'restart-daemon'
> {
  const { group } = resources;
  const inCluster = (clusterId: string): ClusterState => requireCluster(group, clusterId);
  const tools = (): HostTools => {
    if (resources.tools) return resources.tools;
    throw new QuantaError('REFUSED', 'this host runs no PostgreSQL');
  };
  return {
    'inspect-host': async (wanted) => tools().inspect(wanted),
    'server-facts': async ({ clusterId }) => {
      inCluster(clusterId);
      return tools().serverFacts();
    },
    'server-settings': async ({ clusterId }) => {
      inCluster(clusterId);
      return tools().serverSettings();
    },
    'set-own-durability': async ({ clusterId, change }) => {
      inCluster(clusterId);
      return refusable(() => tools().setOwnDurability(change));
    },
    'check-access': async ({ clusterId, lines }) => {
      inCluster(clusterId);
      return { refused: await tools().refusedAccess(lines) };
    },
    'program-version': async ({ clusterId, directory }) => {
      inCluster(clusterId);
      return { version: await tools().programVersion(directory) };
    },
    'use-programs': async ({ clusterId, directory }) => {
      inCluster(clusterId);
      return { before: await tools().usePrograms(directory) };
    },
    'restart-daemon': async ({ clusterId }) => {
      inCluster(clusterId);
      return refusable(() => tools().restartDaemon());
    },
  };
}

async function refusable(work: () => Promise<void>): Promise<{ ok: true } | { ok: false; reason: string }> {
  try {
    await work();
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

function requireCluster(group: RaftGroup, clusterId: string): ClusterState {
  const state = group.state();
  if (state && state.clusterId === clusterId) return state;
  throw new QuantaError('REFUSED', 'this host is not in that cluster');
}

/** The leader of a standby cluster, while the source's WAL arrives there. */
function feedsOthers({ source }: ClusterState, self: string, database: Database): boolean {
  return source?.leader === self && database.observation()?.receiverStatus === 'streaming';
}

function requireDatabase(resources: PeerHandlerResources): Database {
  if (resources.database) return resources.database;
  throw new QuantaError('REFUSED', 'a witness holds no data');
}

/** Looks at the primary from here: somebody else has lost sight of it. */
async function hearsPrimary(
  resources: PeerHandlerResources,
  state: ClusterState,
  epoch: number,
): Promise<PeerOutput<'hears-primary'>> {
  const primary = state.members[state.reign.primary ?? ''];
  if (!primary || state.reign.epoch !== epoch) return { hears: false, detail: 'another epoch stands here' };
  try {
    const report = await resources.monitor.reportOf(primary, hearDeadlineMs);
    const isServing = report?.role === 'primary' && report.state === 'running' && report.epoch === epoch;
    const answers = report !== null;
    return {
      hears: isServing,
      answers,
      detail: report ? `${report.role}, ${report.state}` : 'it does not answer',
    };
  } catch (error) {
    return { hears: false, detail: messageOf(error) };
  }
}
