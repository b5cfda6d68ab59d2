import type { PostgresError } from '../protocol/build.ts';
import type { ConnectFailure, ServerCredential } from '../server/handshake.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { isSameSettings } from '../server/settings-sync.ts';
import { PoolQueues } from './pool-queues.ts';
import {
  isTemporary,
  type PoolResources,
  type ToShare,
  type Wish,
  whyNever,
  whyWaiting,
} from './pool-resources.ts';
import { ServerPool } from './server-pool.ts';
import type { Waiter, WaitQueue } from './wait-queue.ts';

const welcomesMax = 200;
/** Whoever waits for a primary hears why after this long. */
const noticeAfterMs = 1_000;

/** All server connections of one user and database: one pool per server, and the sessions that wait for them. */
export class PoolGroup {
  readonly user: string;
  readonly database: string;
  credential: ServerCredential;
  sessions = 0;
  /** Looked at once in a while: one that nobody has used for long is forgotten. */
  usedAtMs: number;
  /** What a client is told of the parameters, by the settings it asked for. */
  readonly welcomes = new Map<string, ReadonlyMap<string, string>>();
  private readonly resources: PoolResources;
  private readonly pools = new Map<string, ServerPool>();
  private readonly queues: PoolQueues;
  private lastFailure = '';
  /** What PostgreSQL gives sessions of this role and database to begin with; null: nobody has logged in yet. */
  private defaults: string | null = null;

  constructor(
    identity: { user: string; database: string; credential: ServerCredential },
    resources: PoolResources,
  ) {
    this.user = identity.user;
    this.database = identity.database;
    this.credential = identity.credential;
    this.resources = resources;
    this.usedAtMs = resources.nowMs();
    this.queues = new PoolQueues(identity.database, resources);
  }

  /** Where PostgreSQL is asked whether it lets somebody in: the primary, or where there never is one, who serves reads. */
  get forWelcome(): Wish {
    const { follows, nodes } = this.resources.topology();
    return follows === null ? null : (nodes.find(({ isReadable }) => isReadable)?.name ?? null);
  }

  /** As of the newest login: who logs in after ALTER ROLE … SET shares no connection that began before it. */
  useDefaults(defaults: string): void {
    if (this.defaults !== null && this.defaults !== defaults) {
      this.welcomes.clear();
      for (const pool of this.pools.values()) pool.outdate();
    }
    this.defaults = defaults;
  }

  /** @returns a server at once, or null: the waiter is told later */
  acquire(waiter: Waiter, wish: Wish): ServerConnection | null {
    const never = wish === null ? whyNever(this.resources.topology()) : null;
    if (never !== null) {
      queueMicrotask(() => waiter.denied(refusal('25006', never)));
      return null;
    }
    const queue = this.queues.of(wish);
    const node = this.queues.openNode(wish);
    if (node !== null && queue.length === 0) {
      const server = this.pool(node).takeIdle();
      if (server) return server;
    }
    const { counters, settings, nowMs } = this.resources;
    if (queue.length >= settings().queueMax) {
      const error = refusal('53300', `${queue.length} sessions wait for a server connection already`);
      queueMicrotask(() => waiter.denied(error));
      return null;
    }
    counters.waits++;
    queue.add(waiter, nowMs());
    if (node !== null) this.openWhatIsMissing(node);
    return null;
  }

  /**
   * A server that others may be using, for one statement that is proven harmless to them; null when there is none, or
   * when somebody waits for one of their own.
   */
  share(wish: Wish, { settings, told, places, spreadFrom }: ToShare): ServerConnection | null {
    const node = this.queues.openNode(wish);
    if (node === null || !this.isEmptied(this.queues.of(wish), node)) return null;
    const limits = { places, spreadFrom, sharedConnections: this.resources.settings().sharedConnections };
    const server = this.pool(node).chooseShared(limits, this.resources.nowMs());
    if (!server) return null;
    if (isSameSettings(server.settings, settings) && told.isTrueOf(server)) return server;
    if (server.outstanding === 0) this.sharedIdle(server);
    return null;
  }

  /** Those who wait have the places in lines before anybody new, as far as they would. @returns whether nobody waits any more */
  private isEmptied(queue: WaitQueue, node: string): boolean {
    const { sharedDepth } = this.resources.settings();
    for (let left = queue.length; queue.length > 0; left--) {
      const server = left > 0 ? this.pool(node).shortestLine(sharedDepth, this.resources.nowMs()) : null;
      if (!server || !queue.next?.shared?.wouldShare(server)) return false;
      this.queues.take(queue)?.shared?.invite(server);
    }
    return true;
  }

  /** One that nobody needs at the moment, where the catalogue is up to date; whoever takes it releases it. */
  takeUnused(): ServerConnection | null {
    const { follows, primary } = this.resources.topology();
    const pools = this.poolList.filter(({ node }) => follows !== null || node === primary);
    for (const pool of pools) {
      const server = this.queues.waitingFor(pool.node) === 0 ? pool.takeIdle() : null;
      if (server) return server;
    }
    return null;
  }

  sharedIdle(server: ServerConnection): void {
    this.pool(server.node).shared.delete(server);
    this.release(server);
  }

  abandon(waiter: Waiter): void {
    this.queues.remove(waiter);
  }

  release(server: ServerConnection): void {
    server.usedAtMs = this.resources.nowMs();
    const pool = this.pool(server.node);
    if (!server.isReusable) {
      // With a cancel request on its way it comes back when that has ended.
      if (server.cancels > 0 && !server.isDoomed) server.afterCancels = () => this.release(server);
      else server.close();
      this.serve(server.node);
      return;
    }
    if (this.serveTogether(server)) return;
    const waiting = this.queues.next(server.node);
    if (waiting) waiting.granted(server);
    else if (this.isAboutToStop(server.node)) server.close();
    else pool.giveBack(server);
  }

  /** A shutdown waits for every backend to end: those that nobody uses end while the last transactions are waited for. */
  private isAboutToStop(node: string): boolean {
    const { primary, drain } = this.resources.topology();
    return drain !== null && primary === node;
  }

  /**
   * Those who have waited longest, as far as they need no server of their own: without it a pool that was full once would
   * stay full, each of them taking a server for itself. Nobody is overtaken. @returns whether anybody took it
   */
  private serveTogether(server: ServerConnection): boolean {
    const { shared } = this.pool(server.node);
    const room = this.pool(server.node).roomFor(
      this.queues.waitingFor(server.node),
      this.resources.settings(),
    );
    if (room < 2) return false;
    while (server.line.length < room && !server.line.isShut) {
      const queue = this.queues.for(server.node);
      if (!queue?.next?.shared?.wouldShare(server)) break;
      shared.add(server);
      this.queues.take(queue)?.shared?.invite(server);
    }
    if (server.line.length === 0) shared.delete(server);
    return server.line.length > 0;
  }

  /** Bounded: settings that differ from client to client push the oldest out. */
  remember(settingsKey: string, parameters: ReadonlyMap<string, string>): void {
    const [oldest] = this.welcomes.keys();
    if (this.welcomes.size >= welcomesMax && oldest !== undefined) this.welcomes.delete(oldest);
    this.welcomes.set(settingsKey, parameters);
  }

  /** Somebody else is primary now, or nobody, or somebody again. */
  topologyChanged(lostPrimaries: ReadonlySet<string>): void {
    const { nodes } = this.resources.topology();
    for (const pool of this.pools.values()) {
      pool.retryAtMs = 0;
      if (lostPrimaries.has(pool.node)) this.dropAll(pool);
      if (!nodes.some((node) => node.name === pool.node)) this.dropAll(pool);
      if (this.isAboutToStop(pool.node)) pool.closeIdle();
    }
    for (const node of this.queues.readNodes) {
      if (nodes.some((each) => each.name === node && each.isReadable)) continue;
      this.readFromPrimary(node);
    }
    for (const { name } of nodes) this.serve(name);
  }

  /** Once in a while: deadlines, ages, attempts that are due again. */
  sweep(): void {
    const { settings, nowMs, counters } = this.resources;
    const { queueTimeoutMs, serverIdleMs, serverLifeMs } = settings();
    for (const waiter of this.queues.takeOlderThan(nowMs() - queueTimeoutMs)) {
      counters.waitTimeouts++;
      waiter.denied(this.timedOut(queueTimeoutMs));
    }
    const why = whyWaiting(this.resources.topology());
    if (why !== null)
      for (const waiter of this.queues.forPrimary.takeUntold(nowMs() - noticeAfterMs))
        waiter.keptWaiting?.(why);
    for (const pool of this.pools.values()) {
      pool.retire(nowMs(), { idleMs: serverIdleMs, lifeMs: serverLifeMs });
      this.serve(pool.node);
    }
    for (const node of this.queues.readNodes) this.serve(node);
    const primary = this.queues.openPrimary();
    if (primary !== null) this.serve(primary);
  }

  /** A node that is not the primary does not answer: whoever reads there, or waits to, reads from the primary. */
  silent(node: string, isFirst: boolean): void {
    this.pools.get(node)?.doubt(isFirst);
    if (!isFirst) this.readFromPrimary(node);
  }

  relieveShared(): void {
    const { counters, nowMs } = this.resources;
    for (const pool of this.pools.values()) counters.sharedMoved += pool.relieveShared(nowMs());
  }

  closeAll(): void {
    for (const pool of this.pools.values()) this.dropAll(pool);
  }

  get isUsed(): boolean {
    return this.sessions > 0 || this.waitingCount > 0 || this.poolList.some(({ openCount }) => openCount > 0);
  }

  get poolList(): ServerPool[] {
    return [...this.pools.values()];
  }

  busyOn(node: string): number {
    const pool = this.pools.get(node);
    return pool ? pool.all.size - pool.idleCount : 0;
  }

  get waitingCount(): number {
    return this.queues.length;
  }

  oldestWaitMs(): number {
    const since = this.queues.forPrimary.oldestSinceMs();
    return since === null ? 0 : this.resources.nowMs() - since;
  }

  /** One idle connection to `node` less, for the sake of another group. @returns whether there was one */
  giveUpIdle(node: string): boolean {
    const pool = this.pools.get(node);
    const oldest = pool?.oldestIdle();
    if (!pool || !oldest) return false;
    pool.retireOne(oldest);
    return true;
  }

  private timedOut(afterMs: number): PostgresError {
    const { topology } = this.resources;
    const reason = whyWaiting(topology()) ?? (this.lastFailure || 'all server connections are in use');
    return refusal('57P03', `no server connection within ${afterMs} ms: ${reason}`);
  }

  private pool(node: string): ServerPool {
    const known = this.pools.get(node);
    if (known) return known;
    const made = new ServerPool(node);
    this.pools.set(node, made);
    return made;
  }

  private serve(node: string): void {
    const pool = this.pools.get(node);
    while (pool && this.queues.waitingFor(node) > 0) {
      const server = pool.takeIdle();
      if (!server) break;
      this.release(server);
    }
    if (this.queues.waitingFor(node) > 0) this.openWhatIsMissing(node);
  }

  private openWhatIsMissing(node: string): void {
    const pool = this.pool(node);
    const { settings, nowMs } = this.resources;
    if (nowMs() < pool.retryAtMs) return;
    while (pool.opening < this.queues.waitingFor(node) && pool.openCount < settings().poolSize) {
      // After a failure one attempt at a time finds out whether it works again.
      if (pool.failures > 0 && pool.opening > 0) return;
      if (!this.resources.mayOpen(node)) return;
      void this.open(pool);
    }
  }

  private async open(pool: ServerPool): Promise<void> {
    pool.opening++;
    const { resources, defaults } = this;
    const outcome = await resources.connect(this, pool.node, (server) => this.removed(pool, server));
    pool.opening--;
    if (!outcome.ok || outcome.server.isClosed) {
      // It may end while the catalogue is read on it, and nobody would take it out again.
      this.openFailed(pool, outcome.ok ? lostEarly : outcome.failure);
      return;
    }
    pool.failures = 0;
    this.lastFailure = '';
    // What PostgreSQL says to newcomers may have changed.
    if (pool.all.size === 0) this.welcomes.clear();
    pool.all.add(outcome.server);
    if (defaults !== this.defaults) outcome.server.isDoomed = true;
    this.release(outcome.server);
  }

  private openFailed(pool: ServerPool, failure: ConnectFailure): void {
    const { counters, nowMs } = this.resources;
    counters.serversFailed++;
    pool.failed(nowMs());
    this.lastFailure = `${pool.node}: ${failure.detail}`;
    if (this.queues.isReadFrom(pool.node)) {
      this.readFromPrimary(pool.node);
      return;
    }
    if (failure.kind !== 'refused' || isTemporary(failure)) return;
    // Waiting does not help against a wrong name or a missing right: the first in the queue gets PostgreSQL's words.
    const waiting = this.queues.next(pool.node);
    pool.retryAtMs = 0;
    waiting?.denied(refusal(failure.sqlState, failure.detail));
    this.serve(pool.node);
  }

  /** A server that is not there any more: whoever waits for it can read what it wants from the primary too. */
  private readFromPrimary(node: string): void {
    this.queues.readFromPrimary(node);
    const primary = this.queues.openPrimary();
    if (primary !== null) this.serve(primary);
  }

  private removed(pool: ServerPool, server: ServerConnection): void {
    pool.removed(server);
    this.resources.counters.serversLost++;
    // Not at once: what has ended this one may be ending the whole server.
    if (this.queues.waitingFor(pool.node) > 0) queueMicrotask(() => this.serve(pool.node));
  }

  private dropAll(pool: ServerPool): void {
    pool.closeIdle();
    for (const server of pool.all) server.destroy();
  }
}

const lostEarly: ConnectFailure = { kind: 'unreachable', detail: 'the connection was lost before its use' };

function refusal(sqlState: string, message: string): PostgresError {
  return { severity: 'ERROR', sqlState, message };
}
