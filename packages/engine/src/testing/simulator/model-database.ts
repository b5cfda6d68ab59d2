import type {
  Database,
  HistoryVerdict,
  Observation,
  RewindOutcome,
  UpstreamNode,
} from '../../cluster/database.ts';
import type { TimelineRecord, WalPosition } from '../../contract/cluster-state.ts';
import { parseLsn } from '../../postgres/lsn.ts';
import { ancestryOf, judgeHistory } from '../../postgres/timeline-history.ts';
import type { Unconfirmed } from '../../postgres/unconfirmed.ts';
import { isSuperseded, renderSynchronous, type SynchronousOrder } from '../../replication/synchronous.ts';
import { sleep } from '../../shared/clock.ts';
import { pollUntil } from '../../shared/deadline.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import { lsnText } from './data-directory.ts';
import { receiveCopy } from './model-copy.ts';
import { modelObservation } from './model-observation.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Thread } from './thread.ts';
import type { World } from './world.ts';

export interface ModelDatabaseParts {
  world: World;
  thread: Thread;
  server: PostgresServer;
  serverOf(name: string): PostgresServer | undefined;
  /** Lets go of the reaper's deadline; refused while PostgreSQL runs. */
  disarm(): void;
  /** Told before each call: here a crash can be planted. */
  onCall(method: string): void;
}

const sampleEveryMs = 500;
const sealDeadlineMs = 1500;
/** The slowest promotions are those that first replay for a minute. */
const longReplayFromMs = 4000;
const longReplayMs = 60_000;
/** And so do the starts that have much to recover. */
const longRecoveryFromMs = 290;
const longRecoveryMs = 15_000;

/** The model of PostgreSQL behind the agent's `Database`, with the waits and refusals of the real one. */
export class ModelDatabase implements Database {
  private readonly parts: ModelDatabaseParts;
  private latest: Observation | null = null;

  constructor(parts: ModelDatabaseParts) {
    this.parts = parts;
    this.look();
    parts.thread.every(sampleEveryMs, () => this.look());
  }

  private get server(): PostgresServer {
    return this.parts.server;
  }

  private get data() {
    return this.parts.server.parts.data;
  }

  /** The server has ended, whoever ended it. */
  ended(): void {
    this.latest = null;
  }

  async isInitialised(): Promise<boolean> {
    return this.data.isInitialised;
  }

  pid(): number | null {
    return this.server.role === 'down' ? null : this.server.life;
  }

  async isRunning(): Promise<boolean> {
    return this.server.role !== 'down';
  }

  observation(): Observation | null {
    return this.latest;
  }

  async isPrimary(): Promise<boolean> {
    return this.server.role !== 'down' && this.latest?.inRecovery === false;
  }

  async initialise(): Promise<{ systemIdentifier: string }> {
    throw new Error('clusters of the simulator are made whole');
  }

  async systemIdentifier(): Promise<string> {
    return this.data.systemIdentifier;
  }

  async startStandby(options: Parameters<Database['startStandby']>[0]): Promise<void> {
    await this.call('startStandby', 5, 20);
    this.parts.disarm();
    if (this.data.isInitialised === false) throw failed('there is no data directory');
    const refusal = this.server.parts.disk.refusal();
    if (refusal !== null) throw failed(refusal);
    const recoveryMs = this.parts.world.between(30, 300);
    const tookMs =
      (recoveryMs > longRecoveryFromMs ? longRecoveryMs : recoveryMs) + this.server.parts.disk.syncMs();
    void this.server.start(options.upstream?.name ?? null, options.clients, tookMs);
    const isDone = () => this.server.isUp || this.server.role === 'down';
    await this.until('PostgreSQL started', 600_000, isDone, options.signal);
    if (!this.server.isUp) throw failed('it ended while it was starting');
    this.look();
  }

  async setUpstream(upstream: UpstreamNode | null): Promise<void> {
    await this.call('setUpstream', 5, 30);
    this.demandAnswer();
    this.server.setUpstream(upstream?.name ?? null);
  }

  async openArchive(): Promise<void> {
    // The model has no archive.
  }

  async setClients(clients: 'open' | 'closed'): Promise<void> {
    if (this.server.clients === clients) return;
    await this.call('setClients', 2, 10);
    this.server.clients = clients;
  }

  async clone(upstream: UpstreamNode, options: Parameters<Database['clone']>[1]): Promise<void> {
    await this.call('clone', 5, 20);
    this.data.wipe();
    await receiveCopy(this.parts, upstream, options);
    this.data.isInitialised = true;
  }

  async interruption(): Promise<string | null> {
    return null;
  }

  /** Like a clone, but sometimes it does not begin; and its server has run before it counts as complete. */
  async rewind(upstream: UpstreamNode, options: Parameters<Database['rewind']>[1]): Promise<RewindOutcome> {
    await this.call('rewind', 5, 200);
    this.parts.disarm();
    const { world } = this.parts;
    if (world.chance(0.2)) return { kind: 'untouched', reason: 'no connection', mayPass: world.chance(0.5) };
    if (world.chance(0.1)) return { kind: 'untouched', reason: 'WAL is missing', mayPass: false };
    this.data.wipe();
    await receiveCopy(this.parts, upstream, options);
    if (!(await options.mayReceive())) return { kind: 'broken', reason: 'the reign ended meanwhile' };
    void this.server.start(upstream.name, 'closed', world.between(30, 300));
    await this.until('PostgreSQL started', 600_000, () => this.server.isUp || this.server.role === 'down');
    if (!this.server.isUp) return { kind: 'broken', reason: 'it ended while it was starting' };
    this.data.isInitialised = true;
    this.look();
    return { kind: 'rewound', forkLsn: options.forkLsn ?? '0/0', copiedBytes: 1 };
  }

  /** The model keeps all of its WAL. */
  readonly mirror = null;
  readonly followers = null;
  readonly torn = null;
  readonly swap = null;

  async holdsWal(): Promise<boolean> {
    return true;
  }

  async offerRewind(): Promise<boolean> {
    await this.call('offerRewind', 1, 5);
    return !this.parts.world.chance(0.3);
  }

  async seal(): Promise<{ ok: true; position: WalPosition } | { ok: false; reason: string }> {
    await this.call('seal', 2, 10);
    if (this.server.isFrozen) return { ok: false, reason: 'PostgreSQL does not answer' };
    this.server.setUpstream(null);
    try {
      await this.until('the receiver is gone', sealDeadlineMs, () => this.server.receiver === null);
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
    return { ok: true, position: await this.exactEndOfWal() };
  }

  async exactEndOfWal(): Promise<WalPosition> {
    await this.call('exactEndOfWal', 15, 60);
    return this.data.position();
  }

  async unconfirmed(confirmed: WalPosition): Promise<Unconfirmed> {
    await this.call('unconfirmed', 15, 60);
    const past = this.data.records.slice(this.data.firstAfter(Number(parseLsn(confirmed.lsn))));
    const commit = past.find((record) => record.value !== null);
    if (!commit) return { kind: 'none' };
    return { kind: 'found', lsn: lsnText(commit.lsn), transaction: commit.value ?? 0, record: 'COMMIT' };
  }

  async position(): Promise<WalPosition> {
    await this.call('position', 1, 5);
    this.demandAnswer();
    return this.data.position();
  }

  async history(timeline: number): Promise<{ timeline: number; parentId: number; forkLsn: string }[]> {
    return this.data.history
      .filter((fork) => fork.timeline <= timeline)
      .map((fork) => ({ ...fork, forkLsn: lsnText(fork.forkLsn) }));
  }

  judge(position: WalPosition, timeline: number, timelines: TimelineRecord[]): HistoryVerdict {
    return judgeHistory(position, { current: timeline, timelines });
  }

  async strayTimelines(timeline: number, timelines: TimelineRecord[]): Promise<number[]> {
    const own = this.data.timeline;
    const isStray = this.data.met?.timeline === timeline && own !== timeline;
    return isStray && ancestryOf(timeline, timelines).every((each) => each.id !== own) ? [own] : [];
  }

  async freeReplay(): Promise<null> {
    return null;
  }

  async refusedParameters(): Promise<[]> {
    return [];
  }

  async giveUp(): Promise<void> {
    await this.call('giveUp', 1, 10);
    this.data.isInitialised = false;
  }

  async applyConfiguration(): Promise<void> {
    // The model has no settings.
  }

  async applySynchronous(order: SynchronousOrder): Promise<void> {
    await this.call('applySynchronous', 2, 20);
    this.demandAnswer();
    this.order(order);
  }

  /** @returns false when PostgreSQL has been told something newer already */
  private order({ set, mode, mark }: SynchronousOrder): boolean {
    if (isSuperseded(mark, this.data.syncMark)) return false;
    this.data.syncMark = mark;
    this.server.applySync(renderSynchronous(set, mode), { count: set.count, names: [...set.standbys] });
    return true;
  }

  async ensureSlots(): Promise<void> {
    await this.call('ensureSlots', 1, 5);
  }

  async dropSlotsExcept(): Promise<void> {
    await this.call('dropSlotsExcept', 1, 5);
  }

  async connectedStandbys(): Promise<string[]> {
    await this.call('connectedStandbys', 1, 3);
    return [...this.server.senders.keys()];
  }

  async promote(options: Parameters<Database['promote']>[0]): Promise<{ forkLsn: string }> {
    const { world } = this.parts;
    const { server, data } = this;
    await this.call('promote', 5, 20);
    this.demandAnswer();
    if (server.role !== 'standby') throw failed('it is no standby');
    // Once triggered it goes on, whatever becomes of the daemon.
    const usualMs = world.chance(0.02) ? world.between(500, 6000) : world.between(40, 200);
    const isLong = usualMs > longReplayFromMs;
    const tookMs = isLong ? longReplayMs : usualMs;
    if (isLong) server.replay = { fromMs: world.nowMs, untilMs: world.nowMs + tookMs };
    server.later(tookMs, 'disk', () => {
      if (server.role === 'standby') server.promote(options.timeline);
    });
    const isDone = () => server.role === 'primary' || !server.isUp;
    const deadlineMs = options.deadlineMs + (isLong ? tookMs : 0);
    await this.until('PostgreSQL is promoted', deadlineMs, isDone, options.signal);
    await this.call('promoted', 1, 20);
    this.demandAnswer();
    this.look();
    const fork = data.history.find((each) => each.timeline === options.timeline);
    if (!fork) throw failed(`it is on timeline ${data.timeline}`);
    return { forkLsn: lsnText(fork.forkLsn) };
  }

  async probe(deadlineMs: number): Promise<{ ok: boolean; detail: string }> {
    const { life } = this.server;
    await this.call('probe', 1, 5);
    if (!this.server.isUp) return { ok: false, detail: 'it does not run' };
    let isWritten = false;
    this.server.later(0, 'timer', () => {
      const lsn = this.server.role === 'primary' ? this.server.append(null).lsn : 0;
      this.server.flush();
      const look = () => {
        isWritten = this.data.flushedLsn >= lsn;
        if (!isWritten) this.server.later(5, 'timer', look);
      };
      look();
    });
    try {
      await this.until('the probe is answered', deadlineMs, () => isWritten || this.server.life !== life);
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
    return isWritten ? { ok: true, detail: '' } : { ok: false, detail: 'PostgreSQL ended' };
  }

  async createApplication(): Promise<void> {
    // The model has no roles.
  }

  async prepareStop(): Promise<{ ok: true } | { ok: false; reason: string }> {
    await this.call('prepareStop', 5, 100);
    return { ok: true };
  }

  async confirmSynchronous(
    order: SynchronousOrder & { isFirst: boolean; deadlineMs: number },
  ): Promise<{ ok: true } | { ok: false; reason: string }> {
    const { set, isFirst, deadlineMs } = order;
    const { server } = this;
    try {
      await this.call('confirmSynchronous', 2, 20);
      this.demandAnswer();
      if (!this.order(order)) return { ok: false, reason: 'superseded' };
      const { life } = server;
      const lsn = this.data.endLsn;
      const older = isFirst ? server.unguarded() : [];
      const holds = (name: string) => (server.senders.get(name)?.confirmedLsn ?? 0) >= lsn;
      const isConfirmed = () =>
        server.life !== life ||
        (older.every((write) => !server.isWaiting(write)) && set.standbys.filter(holds).length >= set.count);
      await this.until('enough of the set confirm', deadlineMs, isConfirmed);
      return server.life === life ? { ok: true } : { ok: false, reason: 'PostgreSQL ended' };
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  /** A clean shutdown writes a last checkpoint and waits until every connected standby has it. */
  async stopFast(deadlineMs: number): Promise<void> {
    await this.call('stopFast', 5, 50);
    if (this.server.role === 'down') return;
    const { server } = this;
    const wasPrimary = server.role === 'primary';
    server.clients = 'closed';
    server.setUpstream(null);
    if (wasPrimary && !server.isFrozen) {
      const { lsn } = server.append(null);
      server.flush();
      const hasAll = () =>
        server.role === 'down' ||
        (this.data.flushedLsn >= lsn &&
          [...server.senders.values()].every((each) => each.confirmedLsn >= lsn));
      await this.until('standbys have everything', deadlineMs, hasAll).catch(() => undefined);
    }
    await this.kill('stopped');
  }

  async kill(why: string): Promise<void> {
    await this.call('kill', 1, 5);
    this.parts.world.note(`${this.server.name}: daemon kills PostgreSQL: ${why}`);
    await this.server.kill(this.parts.world.between(5, 150));
    this.look();
  }

  async setAside(): Promise<void> {
    this.data.wipe();
  }

  private async call(method: string, leastMs: number, mostMs: number): Promise<void> {
    this.parts.onCall(method);
    await sleep(this.parts.thread, this.parts.world.between(leastMs, mostMs));
  }

  private demandAnswer(): void {
    if (!this.server.isUp) throw failed('PostgreSQL does not run');
    if (this.server.isFrozen) throw failed('PostgreSQL does not answer');
  }

  private until(what: string, timeoutMs: number, isTrue: () => boolean, signal?: AbortSignal): Promise<true> {
    const { thread } = this.parts;
    const look = async () => (isTrue() ? true : undefined);
    return pollUntil<true>(look, { what, timeoutMs, intervalMs: 5, clock: thread, signal });
  }

  private look(): void {
    const { server } = this;
    if (server.role === 'down') this.latest = null;
    if (!server.isUp || server.isFrozen) return;
    this.latest = modelObservation(server);
  }
}

function failed(reason: string): QuantaError {
  return new QuantaError('POSTGRES_FAILED', reason);
}
