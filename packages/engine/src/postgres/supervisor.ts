import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { WalPosition } from '../contract/cluster-state.ts';
import { isSuperseded, renderSynchronous, type SynchronousOrder } from '../replication/synchronous.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { withDeadline } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { type Application, createApplication } from './application-role.ts';
import { closeArchive, openArchive } from './archive-wrapper.ts';
import { type CloneRequest, cloneDataDirectory } from './base-backup.ts';
import { type ConnectFailure, classifyFailure, openPool, withFreshConnection } from './connection.ts';
import { ImpostorMemory } from './consumers.ts';
import { type DataDirectory, inspectDataDirectory, removeDataDirectory } from './data-directory.ts';
import { sweepPlantedHistories } from './history-files.ts';
import { copyCertificates, issueReceiverKey, withdrawReceiverKeys } from './host-certificates.ts';
import { initialiseDataDirectory } from './initialise.ts';
import type { NodePlace, Upstream } from './layout.ts';
import { validateParameters } from './parameter-check.ts';
import type { PostmasterHost } from './postmaster-host.ts';
import { Probe, type ProbeResult } from './probe.ts';
import { checkpointInBackground, type PromoteRequest, type Promotion, promoteServer } from './promote.ts';
import { type RewindRequest, rewindServer } from './rewind.ts';
import type { RewindOutcome } from './rewind-outcome.ts';
import { Sampler, type ServerSample, takeSample } from './sample.ts';
import { askReplay, closeWays, type SealResult, sealReceiver } from './seal.ts';
import { type StartResult, startServer } from './server-start.ts';
import type { AgreedSettings, MutableSettings, RefusedSetting } from './settings.ts';
import { prepareNodeFiles, writeStandbySignal } from './settings-files.ts';
import { type ChangeResult, SettingsKeeper } from './settings-keeper.ts';
import { type StopResult, stopServer } from './stop.ts';
import { positionAfterChange } from './synchronous-barrier.ts';
import { findUnconfirmed, type Unconfirmed } from './unconfirmed.ts';
import { exactEndOfWal } from './wal-end.ts';

export interface SupervisorOptions extends NodePlace {
  host: PostmasterHost;
  logger: Logger;
  clock?: Clock;
}

export interface StartStandbyRequest {
  upstream: Upstream | null;
  deadlineMs: number;
  signal?: AbortSignal;
  onWaiting?: (detail: string) => void;
  /** Closed until its WAL is proven part of the cluster's history; `setClients` opens it. */
  clients?: MutableSettings['clients'];
}

export type SampleResult =
  | { ok: true; sample: ServerSample }
  | { ok: false; reason: ConnectFailure; detail: string };
/** A write takes milliseconds; a disk that hangs must not keep a primary alive. */
const closeDeadlineMs = 500;

export type SynchronousResult = { ok: true; lsn: string } | { ok: false; reason: string };

/**
 * One PostgreSQL server, as a machine with few moves. Nothing here decides who is primary: the server always starts as a
 * standby, and `promote` is only called under a lease.
 */
export class PostgresSupervisor {
  /** For the daemon's own questions; errors of a dying server are logged and never thrown out of nowhere. */
  readonly pool: pg.Pool;
  private readonly sampler = new Sampler();
  readonly impostors = new ImpostorMemory();
  private readonly place: NodePlace;
  private readonly host: PostmasterHost;
  private readonly logger: Logger;
  private readonly clock: Clock;
  readonly settings: SettingsKeeper;
  private readonly prober: Probe;

  constructor(options: SupervisorOptions) {
    const { host, logger, clock, ...place } = options;
    this.place = place;
    this.host = host;
    this.logger = logger;
    this.clock = clock ?? systemClock;
    this.settings = new SettingsKeeper({ place, host, logger });
    this.prober = new Probe(place);
    this.pool = openPool(place, (error) =>
      logger.debug({ error: messageOf(error) }, 'lost a connection to PostgreSQL'),
    );
  }

  usePrograms(directory: string): void {
    this.place.binDir = directory;
  }

  inspect(): Promise<DataDirectory> {
    return inspectDataDirectory(this.place);
  }

  async isRunning(): Promise<boolean> {
    return (await this.postmasterPid()) !== null;
  }

  /** Makes a new, empty database system. The server is not started. */
  async initialise(signal?: AbortSignal): Promise<void> {
    await this.requireStopped('initialise');
    const found = await this.inspect();
    if (found.kind === 'initialised' || found.kind === 'foreign') {
      throw new QuantaError('REFUSED', `${this.place.dataDir} is not empty (${found.kind})`, {
        hint: 'Give the node an empty data directory, or remove this one yourself.',
      });
    }
    await initialiseDataDirectory(this.place, signal);
  }

  /** Receives a copy of the upstream; the server must be stopped and is not started. */
  async clone(request: CloneRequest): Promise<void> {
    await this.requireStopped('clone');
    const found = await this.inspect();
    if (found.kind === 'foreign') {
      throw new QuantaError('REFUSED', found.detail, {
        hint: 'Move it away, or give the node another data directory.',
      });
    }
    await prepareNodeFiles(this.place);
    await cloneDataDirectory(this.place, request);
  }

  /**
   * Takes a stopped server, whose WAL left the upstream's history, back to it, and starts it as a standby of the upstream
   * with its clients shut out. `rewound` means that it has reached a consistent state.
   */
  async rewind(request: RewindRequest): Promise<RewindOutcome> {
    await this.requireStopped('rewind');
    const found = await this.inspect();
    if (found.kind !== 'initialised')
      return { kind: 'broken', reason: `the data directory is not ready: ${found.kind}` };
    await prepareNodeFiles(this.place);
    const { commandLine } = await this.settings.change(() => ({ clients: 'closed' }));
    return rewindServer(this.place, request, {
      control: found.control,
      commandLine,
      start: (start, timeline) => this.start(start, timeline),
      kill: (why) => this.kill(why),
    });
  }

  /** Removes the data directory, for a node that leaves its cluster. */
  async removeData(): Promise<void> {
    await this.requireStopped('remove');
    await removeDataDirectory(this.place);
  }

  /**
   * Starts the server, always as a standby: a fresh system without an upstream waits for its promotion in the same
   * state. Timeline 1, which initdb makes, therefore never sees a reign: the first promotion takes 2.
   */
  async startStandby(request: StartStandbyRequest): Promise<StartResult> {
    if (await this.isRunning())
      return { ok: false, reason: 'already_running', detail: 'PostgreSQL runs already' };
    const found = await this.inspect();
    if (found.kind !== 'initialised') {
      return { ok: false, reason: 'refused', detail: `the data directory is not ready: ${found.kind}` };
    }
    return this.start(request, found.control.checkpointTimeline);
  }

  private async start(request: StartStandbyRequest, checkpointTimeline: number): Promise<StartResult> {
    await prepareNodeFiles(this.place);
    await closeArchive(this.place, 'started as a standby');
    const swept = await sweepPlantedHistories(this.place.dataDir, checkpointTimeline);
    if (swept.length > 0)
      this.logger.info({ timelines: swept }, 'took back the histories of a promotion that did not happen');
    const { commandLine } = await this.settings.change(async (current) => ({
      ...(await this.upstreamPatch(request.upstream)),
      clients: request.clients ?? current.clients,
      parameters: (await this.checkParameters(current.parameters)).accepted,
    }));
    await writeStandbySignal(this.place);
    const { deadlineMs, signal, onWaiting } = request;
    return startServer(this.place, { host: this.host, commandLine, deadlineMs, signal, onWaiting });
  }

  /** Streams from another upstream, or (null) from nobody. The running receiver is replaced by PostgreSQL itself. */
  async setUpstream(upstream: Upstream | null, timeoutMs = 5_000): Promise<ChangeResult> {
    await this.point(upstream);
    return this.settings.reloadAndVerify(timeoutMs);
  }

  async upstream(): Promise<Upstream | null> {
    return (await this.settings.current()).upstream;
  }

  /**
   * Stops acknowledging WAL for good and says where the local WAL ends. The caller has made its promise durable before.
   * Until `setUpstream` names somebody, no WAL receiver can connect, whatever becomes of this process.
   */
  async seal(timeoutMs: number): Promise<SealResult> {
    try {
      const [found] = await Promise.all([this.inspect(), closeWays(this.place)]);
      if (found.kind !== 'initialised')
        return { ok: false, reason: `no complete data directory: ${found.kind}` };
      await this.settings.change(() => ({ upstream: null, receiverKey: null }));
      await this.settings.signalReload();
      return await sealReceiver(this.place, await this.postmasterPid(), timeoutMs);
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  /**
   * The end of the last complete record on this disk. On a standby it only stands still without a receiver; on a
   * primary it is the end of what is flushed.
   */
  async exactEndOfWal(timeoutMs = 10_000): Promise<WalPosition> {
    if (!(await this.isRunning())) return exactEndOfWal({ place: this.place, replayLsn: null, timeoutMs });
    const replay = await askReplay(this.place, timeoutMs);
    if (replay.kind === 'standby')
      return exactEndOfWal({ place: this.place, replayLsn: replay.lsn, timeoutMs });
    const options = { what: 'reading the end of WAL', timeoutMs };
    const sample = await withFreshConnection(this.place, options, takeSample);
    if (sample.isInRecovery || sample.flushLsn === null) {
      throw new QuantaError('POSTGRES_FAILED', 'the server changed its role while it was asked');
    }
    return { timeline: sample.timeline, lsn: sample.flushLsn };
  }

  /** Of a standby without an upstream: whether anything visible in its WAL was never confirmed by the synchronous set. */
  async unconfirmed(
    confirmed: WalPosition,
    limits: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Unconfirmed> {
    const end = await this.exactEndOfWal(limits.timeoutMs);
    return findUnconfirmed({ place: this.place, confirmed, end, ...limits });
  }

  async clients(): Promise<MutableSettings['clients']> {
    return (await this.settings.current()).clients;
  }

  /** Only under a lease: makes this standby the primary of the allocated timeline. */
  async promote(request: PromoteRequest): Promise<Promotion> {
    if (await this.point(null)) await this.settings.signalReload();
    const promotion = await promoteServer(this.place, request);
    await openArchive(this.place);
    void checkpointInBackground(this.place, 600_000).then((done) => {
      if (!done.ok) this.logger.warn({ detail: done.detail }, 'the checkpoint after the promotion failed');
    });
    return promotion;
  }

  /** Only for the holder of the lease. Opening what is open changes nothing. */
  openArchive(): Promise<void> {
    return openArchive(this.place);
  }

  /** Segments that wait to be archived: a clean shutdown waits for every one of them. */
  async archiveBacklog(): Promise<number> {
    const names = await readdir(join(this.place.dataDir, 'pg_wal', 'archive_status'));
    return names.filter((name) => name.endsWith('.ready')).length;
  }

  /** A clean shutdown: sessions are ended, everything is flushed, standbys receive the last record. */
  stopFast(deadlineMs: number): Promise<StopResult> {
    return stopServer(
      {
        place: this.place,
        clock: this.clock,
        isRunning: () => this.isRunning(),
        signal: () => this.host.signal('SIGINT'),
      },
      deadlineMs,
    );
  }

  /** Everything at once, nothing clean. The archive is closed first, if the disk takes that: its commands may outlive even this. */
  async kill(why: string): Promise<void> {
    try {
      await withDeadline('closing the archive', closeDeadlineMs, () => closeArchive(this.place, why));
    } catch (error) {
      this.logger.warn({ error: messageOf(error) }, 'the archive was not closed before PostgreSQL is killed');
    } finally {
      await this.host.kill(why);
    }
  }

  probe(timeoutMs: number): Promise<ProbeResult> {
    return this.prober.run(timeoutMs);
  }

  async sample(): Promise<SampleResult> {
    try {
      const sample = await this.sampler.take(this.pool);
      await this.impostors.end(this.pool, sample, this.clock.monotonicMs());
      return { ok: true, sample };
    } catch (error) {
      return { ok: false, reason: classifyFailure(error), detail: messageOf(error) };
    }
  }

  /**
   * Makes commits wait as the set says, and answers once the server is seen to do so, with a position of WAL sampled
   * after that: a standby that has flushed it counts. An order older than the last one is refused as `superseded`.
   *
   * `isFirst`: nothing may have waited before, whatever the settings of this process say
   */
  async applySynchronous(
    order: SynchronousOrder & { isFirst?: boolean },
    timeoutMs = 5_000,
  ): Promise<SynchronousResult> {
    const wanted = renderSynchronous(order.set, order.mode);
    let previous = '';
    let superseded = false;
    await this.settings.change((current) => {
      previous = current.synchronousStandbyNames;
      superseded = isSuperseded(order.mark, current.synchronousMark);
      return superseded ? {} : { ...wanted, synchronousMark: order.mark };
    });
    if (superseded) return { ok: false, reason: 'superseded' };
    const changed = await this.settings.reloadAndVerify(timeoutMs);
    if (!changed.ok) return changed;
    try {
      const isFirst = order.isFirst === true || previous === '';
      const needsBarrier = isFirst && wanted.synchronousStandbyNames !== '';
      return { ok: true, lsn: await positionAfterChange(this.place, needsBarrier, timeoutMs) };
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  /** Cluster-wide parameters and client lines. Answers what was refused; restart-only ones take effect at a restart. */
  async applyParameters({ parameters, ...others }: AgreedSettings): Promise<RefusedSetting[]> {
    const { accepted, refused } = await this.checkParameters(parameters);
    const written = await this.settings.change(() => ({ parameters: accepted, ...others }));
    await this.settings.signalReload();
    const lines = written.refusedHbaLines.map(({ line, reason }) => ({
      name: line,
      reason: 'malformed' as const,
      detail: reason,
    }));
    return [...refused, ...lines];
  }

  /** Closes or opens the server to clients over the network; sessions that exist are not ended. */
  async setClients(clients: MutableSettings['clients']): Promise<void> {
    if ((await this.settings.current()).clients === clients) return;
    await this.settings.change(() => ({ clients }));
    await this.settings.signalReload();
  }

  createApplication(application: Application): Promise<void> {
    return createApplication(this.place, application);
  }

  /** After the host's certificate was renewed; its key stays, and with it the keys of WAL receivers. */
  async refreshCertificates(): Promise<void> {
    await copyCertificates(this.place);
    await this.settings.signalReload();
  }

  /** Lets go of the connections; the server is left as it is. */
  async close(): Promise<void> {
    await this.pool.end();
  }

  /** @returns whether the settings said anything else before: a node that was sealed has been told already */
  private async point(upstream: Upstream | null): Promise<boolean> {
    const { upstream: previous, receiverKey } = await this.settings.current();
    const hasKey = receiverKey !== null;
    const isSame = hasKey === (upstream !== null) && JSON.stringify(previous) === JSON.stringify(upstream);
    if (!isSame) await this.settings.change(() => this.upstreamPatch(upstream));
    return !isSame;
  }

  private async upstreamPatch(
    upstream: Upstream | null,
  ): Promise<Pick<MutableSettings, 'upstream' | 'receiverKey'>> {
    if (upstream) return { upstream, receiverKey: await issueReceiverKey(this.place) };
    await withdrawReceiverKeys(this.place);
    return { upstream: null, receiverKey: null };
  }

  private async checkParameters(parameters: Record<string, string>): ReturnType<typeof validateParameters> {
    const checked = await validateParameters(this.place, parameters);
    if (checked.refused.length > 0) this.logger.warn({ refused: checked.refused }, 'parameters were refused');
    return checked;
  }

  private async postmasterPid(): Promise<number | null> {
    return (await this.host.status()).postmaster?.pid ?? null;
  }

  private async requireStopped(what: string): Promise<void> {
    if (!(await this.isRunning())) return;
    throw new QuantaError('REFUSED', `cannot ${what}: PostgreSQL is running`, {
      hint: 'Stop the server first.',
    });
  }
}
