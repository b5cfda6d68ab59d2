import type { TimelineRecord, WalPosition } from '../contract/cluster-state.ts';
import { CancelledWaits } from '../postgres/cancelled-waits.ts';
import { setAsideDataDirectory, writeMarker } from '../postgres/data-directory.ts';
import { DataSwap } from '../postgres/data-swap.ts';
import { freeReplay } from '../postgres/free-replay.ts';
import { pastOf, readHistories, strayTimelines } from '../postgres/history-files.ts';
import { filesOf, slotNameOf, type Upstream } from '../postgres/layout.ts';
import { refusedParameters } from '../postgres/parameter-check.ts';
import type { RewindOutcome } from '../postgres/rewind-outcome.ts';
import { RewindSource } from '../postgres/rewind-source.ts';
import type { ServerSample } from '../postgres/sample.ts';
import type { AgreedSettings } from '../postgres/settings.ts';
import { PostgresSupervisor, type SupervisorOptions } from '../postgres/supervisor.ts';
import { ancestryOf, judgeHistory } from '../postgres/timeline-history.ts';
import { TornRecord } from '../postgres/torn-record.ts';
import type { Unconfirmed } from '../postgres/unconfirmed.ts';
import { FollowerSlots, followerNameOf } from '../replication/follower-slots.ts';
import { holdsWal } from '../replication/kept-wal.ts';
import { LagRing } from '../replication/lag.ts';
import { SlotMirror } from '../replication/slot-mirror.ts';
import { dropSlotsExcept, ensureSlots } from '../replication/slots.ts';
import { StandbyMemory } from '../replication/standby-memory.ts';
import type { SynchronousOrder } from '../replication/synchronous.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { stateDirectory } from '../shared/state-directory.ts';
import { confirmSynchronous, sampleOf } from './confirm-synchronous.ts';
import type { Database, HistoryVerdict, Observation, UpstreamNode } from './database.ts';
import { HoldMemory, observationOf } from './observation.ts';

/** Before a server starts, an armed lease of an earlier reign must be let go, or the reaper would kill the standby. */
export interface PostgresDatabaseOptions extends SupervisorOptions {
  disarm(): Promise<void>;
}

const startDeadlineMs = 600_000;
const copyLimits = { stallMs: 60_000, timeoutMs: 24 * 3_600_000 };
const sampleEveryMs = 500;
const sealDeadlineMs = 1500;
const freeReplayDeadlineMs = 3000;
const unconfirmedDeadlineMs = 10_000;
const archiveBacklogMax = 3;

/** The real PostgreSQL behind the agent's `Database`. */
export class PostgresDatabase implements Database {
  private readonly options: PostgresDatabaseOptions;
  private readonly clock: Clock;
  private readonly supervisor: PostgresSupervisor;
  private readonly rewindSource: RewindSource;
  readonly mirror: SlotMirror;
  readonly followers: FollowerSlots;
  readonly torn: TornRecord;
  readonly swap: DataSwap;
  private readonly timer: NodeJS.Timeout;
  private lag = new LagRing();
  private readonly memory = new StandbyMemory();
  private readonly cancelled: CancelledWaits;
  private readonly hold = new HoldMemory();
  private latest: Observation | null = null;
  private runningPid: number | null = null;
  /** Known once a complete data directory was seen; the loop asks ten times a second, pg_controldata is a process. */
  private knownSystemIdentifier: string | null = null;
  private sampling: Promise<void> | null = null;

  constructor(options: PostgresDatabaseOptions) {
    const { disarm: _disarm, ...supervised } = options;
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.supervisor = new PostgresSupervisor(supervised);
    this.mirror = new SlotMirror(options, this.supervisor, stateDirectory(options.stateDir));
    this.followers = new FollowerSlots(this.supervisor.pool, (name) => this.memory.leave(name));
    this.torn = new TornRecord(options);
    this.swap = new DataSwap(options);
    this.cancelled = new CancelledWaits(filesOf(supervised).logFile);
    this.rewindSource = new RewindSource(supervised, options.logger);
    options.host.onExit(() => {
      this.runningPid = null;
      this.latest = null;
    });
    this.timer = setInterval(() => void this.observe(), sampleEveryMs);
  }

  /** The first look, before anything is decided: a server may be running already. */
  open(): Promise<void> {
    return this.observe();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.supervisor.close();
  }

  /** PostgreSQL's programs from now on: the running server goes on with those it was started with. */
  usePrograms(directory: string): void {
    this.options.binDir = directory;
    this.supervisor.usePrograms(directory);
  }

  pid(): number | null {
    return this.runningPid;
  }

  observation(): Observation | null {
    return this.latest;
  }

  async isInitialised(): Promise<boolean> {
    if (this.knownSystemIdentifier !== null) return true;
    const found = await this.supervisor.inspect();
    if (found.kind === 'initialised') this.knownSystemIdentifier = found.control.systemIdentifier;
    return found.kind === 'initialised';
  }

  async isRunning(): Promise<boolean> {
    return this.runningPid !== null;
  }

  /** From the last look, which is taken anew after every start and promotion. */
  async isPrimary(): Promise<boolean> {
    return this.runningPid !== null && this.latest?.inRecovery === false;
  }

  async initialise(): Promise<{ systemIdentifier: string }> {
    await this.supervisor.initialise();
    return { systemIdentifier: await this.systemIdentifier() };
  }

  async systemIdentifier(): Promise<string> {
    if (await this.isInitialised()) return this.knownSystemIdentifier ?? '';
    throw new QuantaError('POSTGRES_FAILED', 'there is no complete data directory');
  }

  async startStandby(options: Parameters<Database['startStandby']>[0]): Promise<void> {
    await this.forgetReign();
    const { clients, signal } = options;
    const upstream = options.upstream && this.upstreamOf(options.upstream);
    try {
      const request = { upstream, clients, signal, deadlineMs: startDeadlineMs };
      const started = await this.supervisor.startStandby(request);
      if (!started.ok) {
        const words = `PostgreSQL did not start (${started.reason}): ${started.detail}`;
        throw new QuantaError('POSTGRES_FAILED', words, { hint: 'See the server log of this node.' });
      }
      this.runningPid = started.pid;
    } finally {
      // It runs also when it was given up waiting for: whoever seals this node has to know.
      await this.lookAnew();
    }
  }

  async setUpstream(upstream: UpstreamNode | null): Promise<void> {
    const changed = await this.supervisor.setUpstream(upstream && this.upstreamOf(upstream));
    if (!changed.ok)
      throw new QuantaError('POSTGRES_FAILED', `the upstream was not changed: ${changed.reason}`);
  }

  /** After the host's certificate was renewed. */
  async refreshCertificates(): Promise<void> {
    if (await this.isInitialised()) await this.supervisor.refreshCertificates();
  }

  openArchive(): Promise<void> {
    return this.supervisor.openArchive();
  }

  setClients(clients: 'open' | 'closed'): Promise<void> {
    return this.supervisor.setClients(clients);
  }

  async clone(upstream: UpstreamNode, options: Parameters<Database['clone']>[1]): Promise<void> {
    const { onProgress, signal } = options;
    this.knownSystemIdentifier = null;
    const limits = { ...copyLimits, expectedBytes: null };
    await this.supervisor.clone({ upstream: this.upstreamOf(upstream), onProgress, signal, ...limits });
  }

  async giveUp(what: string): Promise<void> {
    this.knownSystemIdentifier = null;
    await writeMarker(this.options, what);
  }

  async interruption(): Promise<string | null> {
    const found = await this.supervisor.inspect();
    return found.kind === 'interrupted' ? found.what : null;
  }

  async rewind(upstream: UpstreamNode, options: Parameters<Database['rewind']>[1]): Promise<RewindOutcome> {
    this.knownSystemIdentifier = null;
    await this.forgetReign();
    const limits = { ...copyLimits, replayTimeoutMs: startDeadlineMs };
    const outcome = await this.supervisor.rewind({
      upstream: this.upstreamOf(upstream),
      ...options,
      ...limits,
    });
    await this.lookAnew();
    return outcome;
  }

  async offerRewind(node: string | null): Promise<boolean> {
    if (node !== null) await this.ensureSlots([node]);
    return this.rewindSource.offer();
  }

  async seal(
    patienceMs = sealDeadlineMs,
  ): Promise<{ ok: true; position: WalPosition } | { ok: false; reason: string }> {
    return this.supervisor.seal(patienceMs);
  }

  exactEndOfWal(): Promise<WalPosition> {
    return this.supervisor.exactEndOfWal();
  }

  unconfirmed(confirmed: WalPosition, signal: AbortSignal): Promise<Unconfirmed> {
    return this.supervisor.unconfirmed(confirmed, { timeoutMs: unconfirmedDeadlineMs, signal });
  }

  async position(): Promise<WalPosition> {
    const sample = await this.sampleNow();
    if (!sample.isInRecovery && sample.lsn !== null) return { timeline: sample.timeline, lsn: sample.lsn };
    return this.supervisor.exactEndOfWal();
  }

  history(timeline: number): Promise<{ timeline: number; parentId: number; forkLsn: string }[]> {
    return pastOf(this.options.dataDir, timeline);
  }

  judge(position: WalPosition, timeline: number, timelines: TimelineRecord[]): HistoryVerdict {
    return judgeHistory(position, { current: timeline, timelines });
  }

  async strayTimelines(timeline: number, timelines: TimelineRecord[]): Promise<number[]> {
    const ancestry = ancestryOf(timeline, timelines).map((each) => each.id);
    return strayTimelines(timeline, ancestry, await readHistories(this.options.dataDir));
  }

  freeReplay(): Promise<'paused' | 'sessions' | null> {
    return freeReplay(this.options, freeReplayDeadlineMs);
  }

  refusedParameters(parameters: Record<string, string>): Promise<{ name: string; detail: string }[]> {
    return refusedParameters(this.options, this.supervisor.pool, parameters);
  }

  async applyConfiguration(configuration: AgreedSettings): Promise<void> {
    const refused = await this.supervisor.applyParameters(configuration);
    if (refused.length > 0) this.options.logger.warn({ refused }, 'settings were refused');
  }

  async applySynchronous(order: SynchronousOrder): Promise<void> {
    const applied = await this.supervisor.applySynchronous(order);
    if (applied.ok || applied.reason === 'superseded') return;
    throw new QuantaError('POSTGRES_FAILED', `the synchronous set was not applied: ${applied.reason}`);
  }

  async confirmSynchronous(
    order: SynchronousOrder & { isFirst: boolean; deadlineMs: number },
  ): Promise<{ ok: true } | { ok: false; reason: string }> {
    return confirmSynchronous(this.supervisor, order, this.clock);
  }

  async ensureSlots(nodes: string[]): Promise<void> {
    await ensureSlots(this.supervisor.pool, nodes);
  }

  holdsWal(lsn: string): Promise<boolean> {
    return holdsWal(this.supervisor.pool, lsn);
  }

  async dropSlotsExcept(nodes: string[]): Promise<void> {
    this.memory.keepOnly(nodes);
    await dropSlotsExcept(this.supervisor.pool, nodes);
  }

  async connectedStandbys(): Promise<string[]> {
    const sample = await this.sampleNow();
    return sample.standbys.filter((standby) => standby.state === 'streaming').map((standby) => standby.name);
  }

  async promote(options: Parameters<Database['promote']>[0]): Promise<{ forkLsn: string }> {
    this.lag = new LagRing();
    this.memory.forget();
    try {
      return await this.supervisor.promote(options);
    } finally {
      await this.lookAnew();
    }
  }

  async probe(deadlineMs: number): Promise<{ ok: boolean; detail: string }> {
    const probed = await this.supervisor.probe(deadlineMs);
    if (probed.ok) return { ok: true, detail: '' };
    const isAlive = probed.reason === 'too_many_connections';
    return { ok: isAlive, detail: `${probed.reason}: ${probed.detail}` };
  }

  createApplication(application: { role: string; database: string; password: string }): Promise<void> {
    return this.supervisor.createApplication(application);
  }

  /** A clean shutdown writes a checkpoint and waits for the archiver: both are done before anybody has to wait. */
  async prepareStop(): Promise<{ ok: true } | { ok: false; reason: string }> {
    const backlog = await this.supervisor.archiveBacklog();
    const reason = `${backlog} WAL segments wait to be archived, and a clean shutdown would wait for all of them`;
    if (backlog > archiveBacklogMax) return { ok: false, reason };
    await this.supervisor.pool.query('CHECKPOINT');
    return { ok: true };
  }

  async stopFast(deadlineMs: number): Promise<void> {
    const { postmaster } = await this.options.host.status();
    if (!postmaster) return;
    const stopped = await this.supervisor.stopFast(deadlineMs);
    if (stopped.ok) return;
    this.options.logger.warn({ reason: stopped.reason }, 'PostgreSQL did not stop in time and is killed');
    await this.supervisor.kill('it did not stop in time');
  }

  kill(why: string): Promise<void> {
    return this.supervisor.kill(why);
  }

  async setAside(): Promise<void> {
    this.knownSystemIdentifier = null;
    await setAsideDataDirectory(this.options.dataDir, this.clock.wallMs());
  }

  /** Before a start as a standby. */
  private async forgetReign(): Promise<void> {
    await this.options.disarm();
    this.lag = new LagRing();
    this.memory.forget();
  }

  private upstreamOf({ follower, ...node }: UpstreamNode): Upstream {
    const { nodeName } = this.options;
    // Another cluster keeps WAL for ours as a whole, and must never take this node for one of its own.
    if (follower !== undefined) return { ...node, slot: null, applicationName: followerNameOf(follower) };
    return { ...node, slot: slotNameOf(nodeName), applicationName: nodeName };
  }

  private sampleNow(): Promise<ServerSample> {
    return sampleOf(this.supervisor);
  }

  private observe(): Promise<void> {
    this.sampling ??= this.look().finally(() => {
      this.sampling = null;
    });
    return this.sampling;
  }

  /** A look that began before a change may have missed it; until one has succeeded nothing is known. */
  private async lookAnew(): Promise<void> {
    await this.sampling;
    this.latest = null;
    await this.observe();
  }

  private async look(): Promise<void> {
    try {
      const { postmaster } = await this.options.host.status();
      this.runningPid = postmaster?.pid ?? null;
      if (!postmaster) {
        this.latest = null;
        return;
      }
      const sampled = await this.supervisor.sample();
      await this.cancelled.look();
      // A server that does not answer is not known to have left its last role; the probe judges its health.
      if (sampled.ok) this.latest = this.observed(sampled.sample, await this.supervisor.clients());
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'PostgreSQL could not be observed');
    }
  }

  private observed(sample: ServerSample, clients: Observation['clients']): Observation {
    const atMs = this.clock.monotonicMs();
    // A standby's too: others may stream from it.
    if (sample.lsn !== null) this.lag.record(sample.lsn, atMs);
    return observationOf(sample, {
      ...{ clients, atMs, lag: this.lag, memory: this.memory, hold: this.hold },
      impostors: this.supervisor.impostors.lately(atMs),
      cancelledWaits: this.cancelled.count,
    });
  }
}
