import type { RouterSettings } from '../../contract/router-settings.ts';
import type { ServerConnection } from '../server/server-connection.ts';

/** After this long with one statement nobody else is put in line behind it. */
const slowHeadMs = 20;
/** After this long those behind it ask somewhere else. */
const stuckHeadMs = 50;
const retryFirstMs = 50;
const retryMaxMs = 2_000;

interface SharedLimits {
  /** In one line, with whoever asks. */
  places: number;
  /** One more connection is taken into shared use only when so many stand in each line. */
  spreadFrom: number;
  sharedConnections: number;
}

/** The connections of one user and database to one server. */
export class ServerPool {
  readonly node: string;
  readonly all = new Set<ServerConnection>();
  opening = 0;
  /** No attempt before this moment, after one that failed. */
  retryAtMs = 0;
  failures = 0;
  /** In use by several sessions at once. */
  readonly shared = new Set<ServerConnection>();
  private readonly idle: ServerConnection[] = [];

  constructor(node: string) {
    this.node = node;
  }

  /** The one used last: its backend is warm, and the others can grow old and be closed. */
  takeIdle(): ServerConnection | null {
    for (;;) {
      const server = this.idle.pop();
      if (!server) return null;
      if (server.isReusable) return server;
      if (!server.isClosed) server.close();
    }
  }

  /** The one with the fewest in line; one more is taken into shared use while there may be more of them. */
  chooseShared(limits: SharedLimits, nowMs: number): ServerConnection | null {
    const best = this.shortestLine(limits.places, nowMs);
    const isShort = best !== null && best.line.length < limits.spreadFrom;
    if (isShort || this.shared.size >= limits.sharedConnections) return best;
    const idle = this.takeIdle();
    if (!idle) return best;
    this.shared.add(idle);
    return idle;
  }

  /** Of those in shared use, where one more may be put in line. */
  shortestLine(places: number, nowMs: number): ServerConnection | null {
    let best: ServerConnection | null = null;
    for (const server of this.shared) {
      const { line } = server;
      const isSlow = nowMs - line.headSinceMs > slowHeadMs;
      if (server.isDoomed || line.isShut || isSlow || line.length >= places) continue;
      if (best === null || line.length < best.line.length) best = server;
    }
    return best;
  }

  /**
   * How many may go together to a server that has just become free. Beyond the connections that are shared at any time each takes
   * its part of those who wait: they would have waited for it one by one, and one backend does many in a row with less effort.
   */
  roomFor(
    waiting: number,
    {
      sharing,
      sharedConnections,
      sharedDepth,
    }: Pick<RouterSettings, 'sharing' | 'sharedConnections' | 'sharedDepth'>,
  ): number {
    if (!sharing) return 0;
    if (this.shared.size < sharedConnections) return sharedDepth;
    return Math.min(sharedDepth, Math.ceil(waiting / this.openCount));
  }

  /** Nobody waits long behind a statement that turns out to be slow. @returns how many ask elsewhere now */
  relieveShared(nowMs: number): number {
    let moved = 0;
    for (const server of this.shared) {
      const { line } = server;
      // Moved once they are nobody's.
      if (line.length > 1 && !line.isShut && nowMs - line.headSinceMs > stuckHeadMs)
        moved += server.moveOthersAway();
    }
    return moved;
  }

  /** A connection could not be made. */
  failed(nowMs: number): void {
    this.failures++;
    this.retryAtMs = nowMs + Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(this.failures - 1, 10));
  }

  giveBack(server: ServerConnection): void {
    this.idle.push(server);
  }

  get idleCount(): number {
    return this.idle.length;
  }

  get openCount(): number {
    return this.all.size + this.opening;
  }

  removed(server: ServerConnection): void {
    this.all.delete(server);
    this.shared.delete(server);
    const place = this.idle.indexOf(server);
    if (place >= 0) this.idle.splice(place, 1);
  }

  /** Closes what has been unused, or has lived, for too long. */
  retire(nowMs: number, limits: { idleMs: number; lifeMs: number }): void {
    for (const server of [...this.idle]) {
      const isOld = nowMs - server.openedAtMs > limits.lifeMs || nowMs - server.usedAtMs > limits.idleMs;
      if (isOld) this.retireOne(server);
    }
  }

  retireOne(server: ServerConnection): void {
    const place = this.idle.indexOf(server);
    if (place >= 0) this.idle.splice(place, 1);
    server.close();
  }

  oldestIdle(): ServerConnection | null {
    return this.idle[0] ?? null;
  }

  /** What its connections began with is not what PostgreSQL gives newcomers any more: each ends once nobody uses it. */
  outdate(): void {
    this.closeIdle();
    for (const server of this.all) server.isDoomed = true;
  }

  /** Its node does not answer: those that say nothing up to the next call are lost, for their ends may never be heard of. */
  doubt(isFirst: boolean): void {
    for (const server of this.all) {
      if (server.wire.isSilent && !isFirst) server.destroy();
      server.wire.isSilent = true;
    }
  }

  closeIdle(): void {
    for (const server of this.idle.splice(0)) server.close();
  }
}
