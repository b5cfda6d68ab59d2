import { join } from 'node:path';
import { z } from 'zod';
import { type ClusterState, nodeNameSchema } from '../contract/cluster-state.ts';
import { RaftDriver, type RaftStatus, type RaftTiming, type SpawnRaft } from '../raft/driver.ts';
import type { ReceivedRenewal } from '../raft/lease-ledger.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { NewId } from '../shared/random.ts';
import type { StateDirectory } from '../shared/state-directory.ts';
import type { Command, CommandResult } from './commands.ts';
import type { ConfigurableLog } from './raft-membership.ts';
import { type ConsensusStore, type Leadership, StateMachine } from './store.ts';

const identitySchema = z.object({
  version: z.literal(1),
  clusterId: z.string().min(1),
  clusterName: nodeNameSchema,
  raftId: z.number().int().min(1),
});
export type Identity = z.infer<typeof identitySchema>;

export interface RaftGroupOptions {
  /** The host's state directory: `member.json` says which group this host is in, `raft/` holds its log. */
  directory: string;
  files: StateDirectory;
  clock: Clock;
  newId: NewId;
  spawnRaft?: SpawnRaft;
  self: { name: string; host: string; port: number };
  listenHost: string;
  tls: { ca: string; cert: string; key: string };
  timing: RaftTiming;
  logger: Logger;
  onLeaseRenewal(renewal: ReceivedRenewal): void;
  onFatal(error: Error): void;
}

const identityFile = 'member.json';
const logDirectory = 'raft';

/** This host's membership in a Raft group, if it has one: its identity on disk, the driver and the state machine. */
export class RaftGroup implements ConsensusStore {
  private readonly options: RaftGroupOptions;
  private readonly listeners = new Set<() => void>();
  private identity: Identity | null = null;
  private driver: RaftDriver | null = null;
  private machine: StateMachine;
  private status: RaftStatus | null = null;

  constructor(options: RaftGroupOptions) {
    this.options = options;
    this.machine = new StateMachine(options.clock);
  }

  /** Goes on where this host stopped; a spare host has nothing to go on with. */
  async open(): Promise<void> {
    const identity = await this.readIdentity();
    if (identity) await this.startDriver(identity, false);
  }

  /** Founds a group with this host as its only voter. */
  async found(clusterName: string): Promise<Identity> {
    const identity: Identity = { version: 1, clusterId: this.options.newId(), clusterName, raftId: 1 };
    await this.enter(identity, true);
    return identity;
  }

  /** Becomes part of a group that has registered this host under `raftId`; the leader will get in touch. */
  async join(identity: Omit<Identity, 'version'>): Promise<void> {
    const wanted: Identity = { version: 1, ...identity };
    if (this.identity && JSON.stringify(this.identity) === JSON.stringify(wanted)) return;
    if (this.identity)
      throw new QuantaError('REFUSED', `this host belongs to cluster ${this.identity.clusterName} already`);
    await this.enter(wanted, false);
  }

  /** Forgets the group: log, state and identity. The host is spare again. */
  async leave(): Promise<void> {
    await this.stop();
    await this.options.files.remove(identityFile);
    await this.options.files.remove(logDirectory);
    this.identity = null;
    this.status = null;
    this.machine = new StateMachine(this.options.clock);
    this.changed();
  }

  async stop(): Promise<void> {
    const { driver } = this;
    this.driver = null;
    await driver?.stop();
  }

  /** Before this host's daemon ends: whoever leads hands on, because an election for want of a leader holds everything up. */
  async handLeadershipOver(deadlineMs: number): Promise<void> {
    const { status, driver } = this;
    if (status?.role !== 'leader' || !driver) return;
    const [heir] = this.heirs();
    // Best effort.
    if (heir !== undefined) await driver.transferLeadership(heir, deadlineMs).catch(() => undefined);
  }

  /** The other voters: those that answered last first, and the primary's host last, which has enough to do. */
  private heirs(): number[] {
    const { status, driver } = this;
    if (!status || !driver) return [];
    const primary = this.state()?.members[this.state()?.reign.primary ?? '']?.raftId;
    const voters = status.configuration.filter(({ id, role }) => role === 'voter' && id !== status.leaderId);
    const answeredAt = new Map(driver.peerAnswers().map(({ id, atMs }) => [id, atMs ?? 0]));
    const rank = (id: number) => (id === primary ? 0 : 1);
    return voters
      .map(({ id }) => id)
      .sort(
        (left, right) =>
          rank(right) - rank(left) || (answeredAt.get(right) ?? 0) - (answeredAt.get(left) ?? 0),
      );
  }

  member(): Identity | null {
    return this.identity;
  }

  raftStatus(): RaftStatus | null {
    return this.status;
  }

  /** When each member last answered on Raft's own connections, by Raft id: CLOCK_MONOTONIC ms. */
  peerAnswers(): { id: number; atMs: number | null }[] {
    return this.driver?.peerAnswers() ?? [];
  }

  state(): ClusterState | null {
    return this.machine.state();
  }

  /**
   * Whether the state is no older than the one that this host knew before it started. Until then, and for as long as a part of
   * its log waits for a majority, nothing on its disk may be changed after a state that it had left behind already.
   */
  isReplayed(): boolean {
    const { status } = this;
    return status ? status.appliedIndex >= status.replayTo : this.identity === null;
  }

  /** The epoch of the log at a moment after the call, proven by a majority; null where this node does not lead. */
  async provenEpoch(deadlineMs: number): Promise<number | null> {
    const { driver, status } = this;
    if (!driver || status?.role !== 'leader') return null;
    const { ok } = await driver.confirmLeadership(deadlineMs);
    return ok ? (this.state()?.reign.epoch ?? null) : null;
  }

  leadership(): Leadership {
    const { status } = this;
    return {
      isLeader: status?.role === 'leader',
      leaderRaftId: status?.leaderId ?? null,
      term: status?.term ?? 0,
      leaderSinceMs: status?.leaderSinceMs ?? null,
    };
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  submit(command: Command, deadlineMs: number): Promise<CommandResult> {
    return this.machine.submit(this.running(), command, deadlineMs);
  }

  setLeaseGate(gate: { epoch: number; holderId: number } | null): void {
    this.driver?.setLeaseGate(gate);
  }

  async renewLease(
    request: { epoch: number; body: string },
    deadlineMs: number,
  ): Promise<{ ok: true; sentAtMs: number } | { ok: false; reason: string }> {
    return this.driver ? this.driver.renewLease(request, deadlineMs) : { ok: false, reason: 'in no group' };
  }

  /** After a renewal of the host's certificate. */
  useCertificate(tls: RaftGroupOptions['tls']): void {
    this.driver?.useCertificate(tls);
  }

  /** The view of the driver that membership changes use. */
  configurable(): ConfigurableLog {
    const outcome = async (answer: Promise<{ ok: boolean; reason?: string | undefined }>) => {
      const result = await answer;
      return result.ok ? { ok: true as const } : { ok: false as const, reason: result.reason ?? 'unknown' };
    };
    return {
      configuration: () => this.status?.configuration ?? [],
      change: (change, deadlineMs) => outcome(this.running().changeConfiguration(change, deadlineMs)),
      transferLeadership: (toId, deadlineMs) => outcome(this.running().transferLeadership(toId, deadlineMs)),
      leaderId: () => this.status?.leaderId ?? null,
      heirs: () => this.heirs(),
    };
  }

  private running(): RaftDriver {
    if (this.driver) return this.driver;
    throw new QuantaError('NO_QUORUM', 'this host is in no Raft group');
  }

  private async enter(identity: Identity, bootstrap: boolean): Promise<void> {
    await this.options.files.remove(logDirectory);
    await this.startDriver(identity, bootstrap);
    await this.options.files.write(identityFile, JSON.stringify(identity));
  }

  private async startDriver(identity: Identity, bootstrap: boolean): Promise<void> {
    const { options } = this;
    this.identity = identity;
    this.driver = await RaftDriver.start({
      clusterId: identity.clusterId,
      id: identity.raftId,
      directory: join(options.directory, logDirectory),
      clock: options.clock,
      ...(options.spawnRaft ? { spawn: options.spawnRaft } : {}),
      self: options.self,
      listenHost: options.listenHost,
      tls: options.tls,
      bootstrap,
      timing: options.timing,
      logger: options.logger,
      onCommitted: (entries) => this.guard(() => this.machine.deliver(entries)),
      onSnapshot: (snapshot) => this.guard(() => this.machine.restore(snapshot.data)),
      takeSnapshot: () => this.machine.snapshot(),
      onStatus: (status) => {
        this.status = status;
        this.changed();
      },
      onLeaseRenewal: (renewal) => options.onLeaseRenewal(renewal),
      onFatal: (error) => options.onFatal(error),
    });
    this.status = this.driver.status();
    this.changed();
  }

  /** A state machine that cannot apply an entry must not go on: it would differ from the others from here on. */
  private guard(work: () => void): void {
    try {
      work();
      this.changed();
    } catch (error) {
      this.options.onFatal(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private async readIdentity(): Promise<Identity | null> {
    const { files, directory } = this.options;
    const text = await files.read(identityFile);
    if (text === null) return null;
    const parsed = identitySchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    throw new QuantaError('STORAGE_CORRUPT', `${join(directory, identityFile)} cannot be read`, {
      hint: 'Remove this node from its cluster, empty its state directory and add it again.',
    });
  }
}
