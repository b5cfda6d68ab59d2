import type { BackupHost } from '../backup/backup-host.ts';
import { ClusterBackupManager } from '../backup/cluster-backup-manager.ts';
import type { Addresses, ClusterState, HostKind } from '../contract/cluster-state.ts';
import { FailoverManager } from '../failover/failover-manager.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { Adopter } from '../postgres/adopt/adopter.ts';
import { compareWalPositions } from '../postgres/timeline-history.ts';
import { SynchronousReplicationManager } from '../replication/synchronous-replication-manager.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { NewId } from '../shared/random.ts';
import type { Commander } from './commander.ts';
import type { Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import { Housekeeper } from './housekeeper.ts';
import type { NodeAgent } from './node-agent.ts';
import { OperationDesk } from './operation-desk.ts';
import { OperationRunner } from './operation-runner.ts';
import { operationHandlers } from './operations.ts';
import type { Peers } from './peer-protocol.ts';
import type { RaftGroup } from './raft-group.ts';
import { RaftMembership } from './raft-membership.ts';
import { SourceKeeper } from './source-keeper.ts';
import { SourceLook } from './source-look.ts';
import { Timetable } from './timetable.ts';

export interface DeciderOptions {
  self: { name: string; kind: HostKind; addresses: Addresses };
  group: RaftGroup;
  peers: Peers;
  commander: Commander;
  agent: NodeAgent;
  contacts: Contacts;
  database: Database;
  adopter?: Adopter;
  dataDir: string;
  backups: BackupHost | null;
  timing: FailoverTiming;
  logger: Logger;
  clock: Clock;
  newId: NewId;
}

/** What a node does when it leads the Raft group: failovers, operations, housekeeping, backups. Idle everywhere else. */
export class Decider {
  readonly failovers: FailoverManager;
  readonly monitor: ClusterMonitor;
  readonly desk: OperationDesk;
  private readonly operationRunner: OperationRunner;
  private readonly housekeeper: Housekeeper;
  private readonly synchronous: SynchronousReplicationManager;
  readonly backups: ClusterBackupManager;
  private readonly timetable: Timetable;
  private readonly sourceKeeper: SourceKeeper;
  readonly look: SourceLook;

  constructor(options: DeciderOptions) {
    const { group, logger, timing, clock, newId, commander, peers, agent, database } = options;
    const self = options.self.name;
    const state = (): ClusterState | null => group.state();
    const leadership = () => group.leadership();
    const transferLeadership = (toId: number) =>
      group.configurable().transferLeadership(toId, timing.electionMaxMs);
    this.look = new SourceLook({ peers, logger });
    const { look } = this;
    const raft = new RaftMembership(() => group.configurable(), clock);
    const shared = {
      ...{ self, logger, timing, clock, newId, commander, peers },
      ...{ state, leadership, transferLeadership },
    };
    this.monitor = new ClusterMonitor({
      ...shared,
      look,
      votersNow: () => raft.votersNow(),
      wallMs: () => clock.wallMs(),
    });
    this.failovers = new FailoverManager({
      ...shared,
      isVoter: (raftId) => raft.isVoter(raftId),
      setLeaseGate: (gate) => group.setLeaseGate(gate),
      comparePositions: compareWalPositions,
      contactRows: () => options.contacts.rows(),
    });
    const { monitor, failovers } = this;
    this.synchronous = new SynchronousReplicationManager({ ...shared, monitor });
    const { synchronous } = this;
    this.housekeeper = new Housekeeper({ ...shared, monitor, raft });
    this.sourceKeeper = new SourceKeeper({ ...shared, monitor, look });
    this.desk = new OperationDesk({ ...options, monitor, look });
    const application = () => this.desk.application;
    const backupSecrets = (operation: string) => this.desk.backupSecrets.of(operation);
    this.backups = new ClusterBackupManager({ ...shared, monitor });
    this.timetable = new Timetable({ ...shared, desk: this.desk });
    const steps = operationHandlers({
      ...shared,
      ...(options.adopter ? { adopter: options.adopter } : {}),
      agent,
      database,
      failovers,
      monitor,
      raft,
      synchronous,
      look,
      application,
      backupSecrets,
      restore: () => this.desk.restore,
      backupHost: options.backups,
    });
    this.operationRunner = new OperationRunner({ ...shared, ...steps });
  }

  /** Called often, and after every change of state. */
  tick(): void {
    this.failovers.tick();
    this.operationRunner.tick();
    this.housekeeper.tick();
    this.synchronous.tick();
    this.backups.tick();
    this.timetable.tick();
    this.sourceKeeper.tick();
  }
}
