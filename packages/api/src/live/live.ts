import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import { ageMsOf, briefOf, type LiveStatus } from '../clusters/live-status.ts';
import type { ClusterRegistry, HistoryKind } from '../clusters/registry.ts';
import { callerOf } from '../http/gate.ts';
import type { Principal, PrincipalFinder } from '../people/principal.ts';
import { allows, mayOn, type Roles } from '../people/roles.ts';
import { FleetNews, rhythms } from './fleet-news.ts';

export interface LiveOptions {
  namespace: Namespace;
  principals: PrincipalFinder;
  registry: ClusterRegistry;
  logger: Logger;
}

/** What a browser shows: clusters in full, and how soon it wants to hear of all others. */
const watchSchema = z.object({
  fleet: z.boolean(),
  clusterIds: z.array(z.uuid()).max(8),
});
export type Watch = z.infer<typeof watchSchema>;

/** What is remembered of a browser's connection. */
interface Watcher {
  /** The person or token, as the rate limits name them. */
  caller: string;
  roles: Roles;
  /** What it has said last that it shows, while that waits to be shown. */
  asked: Watch | null;
  isShowing: boolean;
  /** Null: it has not said what it shows, and gets everything, as all did in releases before. */
  watch: Watch | null;
  isBehind: boolean;
}

/** Who sees every cluster that is not hidden from him. */
const everything = 'everything';
const seeing = (clusterId: string) => `sees ${clusterId}`;
const notSeeing = (clusterId: string) => `does not see ${clusterId}`;
const showing = (clusterId: string) => `shows ${clusterId}`;
/** Who has said what he shows. */
const selective = 'selective';
/** Whose connection is so slow that messages pile up for him. */
const behind = 'behind';
/** Somebody whose session or role ended elsewhere must not go on watching. */
const recheckEveryMs = 15_000;
const tickMs = 500;
const waitingMax = 100;
/** What a browser shows changes when somebody clicks: whoever says more often what he shows waits. */
const showEveryMs = 50;
/** Of one person or token, on this console. */
const connectionsMax = 100;
/** Between consoles, through the adapter. */
const accessEvent = 'access changed';

/**
 * What browsers watch. A browser gets the status of the clusters that it shows as soon as it comes, and a brief one of all others
 * now and then, of what its person may read. Statuses go to the browsers of this console only: each console reads what others
 * have heard from the metadata. That something in the history has changed is carried to all by the adapter.
 */
export class Live {
  private readonly options: LiveOptions;
  private readonly watchers = new Map<Socket, Watcher>();
  private readonly news = new FleetNews();
  private readonly timer: NodeJS.Timeout;
  private ticks = 0;

  constructor(options: LiveOptions) {
    this.options = options;
    options.namespace.use((socket, next) => {
      this.principalOf(socket).then(
        (principal) => next(this.whyNot(principal) ?? undefined),
        (error: unknown) => next(new Error(messageOf(error))),
      );
    });
    options.namespace.on('connection', (socket) => void this.welcome(socket));
    options.namespace.on(accessEvent, (caller: unknown) => this.recheckAll(caller));
    this.timer = setInterval(() => this.tick(), tickMs);
  }

  /** Browsers that do not read as fast as they are told: they get no statuses until they have caught up. */
  get behind(): number {
    return [...this.watchers.values()].filter(({ isBehind }) => isBehind).length;
  }

  close(): void {
    clearInterval(this.timer);
  }

  status(live: LiveStatus): void {
    this.news.add(live);
    const { clusterId } = live;
    const { namespace } = this.options;
    // Asked first, because a message is written out before it is known whether anybody gets it.
    const isAnybody = (room: string) => namespace.adapter.rooms.has(room);
    if (isAnybody(showing(clusterId)))
      namespace.local.to(showing(clusterId)).except(behind).emit('status', live);
    if ([...this.watchers.values()].some(({ watch }) => watch === null))
      this.watching(clusterId, namespace.local).except([selective, behind]).emit('status', live);
  }

  /** Something in the history has changed: whoever shows it fetches it again. */
  changed(what: { clusterId: string; kind: HistoryKind }): void {
    this.watching(what.clusterId, this.options.namespace).emit('changed', what);
  }

  /**
   * What somebody may do is less now, or a session of his ended: he is judged anew at once, on every console.
   *
   * @param caller null: it may be anybody
   */
  accessChanged(caller: string | null): void {
    this.recheckAll(caller);
    this.options.namespace.serverSideEmit(accessEvent, caller);
  }

  private recheckAll(caller: unknown): void {
    for (const [socket, watcher] of this.watchers)
      if (caller === null || watcher.caller === caller) void this.recheck(socket);
  }

  private whyNot(principal: Principal | null): Error | null {
    if (!principal) return new Error('sign in first');
    const caller = callerOf(principal);
    const open = [...this.watchers.values()].filter((each) => each.caller === caller).length;
    return open < connectionsMax ? null : new Error(`${connectionsMax} connections are open already`);
  }

  private watching(clusterId: string, all: Pick<Namespace, 'to'>) {
    return all.to([everything, seeing(clusterId)]).except(notSeeing(clusterId));
  }

  private tick(): void {
    if (this.watchers.size === 0) {
      this.news.forget();
      return;
    }
    // What other consoles have heard becomes news with it.
    this.options.registry.list().catch((error: unknown) => {
      this.options.logger.warn({ error: messageOf(error) }, 'what other consoles heard could not be read');
    });
    for (const [socket, watcher] of this.watchers) this.measure(socket, watcher);
    this.ticks += 1;
    for (const rhythm of rhythms) {
      if (this.ticks % rhythm.ticks !== 0) continue;
      const rooms = [...this.options.namespace.adapter.rooms.keys()];
      const told = this.news.take(rhythm.name, rooms, Date.now());
      for (const { room, clusters } of told)
        this.options.namespace.local.to(room).except(behind).emit('fleet', { clusters });
    }
  }

  /** What waits for a slow reader would become memory of this console: he is told the newest once he has caught up. */
  private measure(socket: Socket, watcher: Watcher): void {
    const { writeBuffer } = socket.conn as unknown as { writeBuffer: unknown[] };
    if (!watcher.isBehind && writeBuffer.length > waitingMax) {
      watcher.isBehind = true;
      void socket.join(behind);
    } else if (watcher.isBehind && writeBuffer.length === 0) {
      watcher.isBehind = false;
      void socket.leave(behind);
      this.tellAll(socket, watcher).catch((error: unknown) => this.note(error));
    }
  }

  private note(error: unknown): void {
    this.options.logger.warn(
      { error: messageOf(error) },
      'a browser was not told how it is; it hears of the next report',
    );
  }

  private async welcome(socket: Socket): Promise<void> {
    const timer = setInterval(() => void this.recheck(socket), recheckEveryMs);
    socket.once('disconnect', () => {
      clearInterval(timer);
      this.watchers.delete(socket);
    });
    // That the line is open does not say that somebody answers at its other end.
    socket.on('are-you-there', (answer: unknown) => {
      if (typeof answer === 'function') answer();
    });
    // A browser says at once what it shows, and this console may not know yet who it is.
    let asked: Watch | null = null;
    socket.on('watch', (raw: unknown) => {
      const parsed = watchSchema.safeParse(raw);
      if (!parsed.success) return;
      asked = parsed.data;
      const watcher = this.watchers.get(socket);
      if (!watcher) return;
      watcher.asked = asked;
      void this.showAsked(socket, watcher);
    });
    try {
      const principal = await this.principalOf(socket);
      if (!principal) return void socket.disconnect(true);
      if (socket.disconnected) return;
      const watcher: Watcher = {
        ...{ caller: callerOf(principal), roles: principal },
        ...{ watch: asked, asked: null, isShowing: false, isBehind: false },
      };
      this.watchers.set(socket, watcher);
      await putInRooms(socket, watcher);
      await this.tellAll(socket, watcher);
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'a browser did not get the first picture');
    }
  }

  /** What is said meanwhile waits, and only the last of it counts. */
  private async showAsked(socket: Socket, watcher: Watcher): Promise<void> {
    if (watcher.isShowing) return;
    watcher.isShowing = true;
    while (watcher.asked && !socket.disconnected) {
      const { asked } = watcher;
      watcher.asked = null;
      // Without the metadata there is no answer: the browser hears of the next report.
      await this.show(socket, watcher, asked).catch((error: unknown) => this.note(error));
      await delay(showEveryMs);
    }
    watcher.isShowing = false;
  }

  private async show(socket: Socket, watcher: Watcher, watch: Watch): Promise<void> {
    const before = watcher.watch;
    watcher.watch = watch;
    await putInRooms(socket, watcher);
    this.measure(socket, watcher);
    if (watcher.isBehind) return;
    // What it has heard as one of many is not told again.
    if (before?.fleet || !watch.fleet) await this.tellShown(socket, watcher);
    else await this.tellAll(socket, watcher);
  }

  /** How everything is now, as this browser wants to hear it. */
  private async tellAll(socket: Socket, watcher: Watcher): Promise<void> {
    const nowMs = Date.now();
    const all = await this.options.registry.list();
    const seen = all.filter(({ clusterId }) => mayOn(watcher.roles, clusterId, 'read'));
    const aged = seen.map((live) => ({ ...live, ageMs: ageMsOf(live, nowMs) }));
    if (watcher.watch) {
      socket.emit('fleet', { clusters: aged.map(briefOf) });
      return this.tellShown(socket, watcher);
    }
    for (const live of aged) socket.emit('status', live);
  }

  private async tellShown(socket: Socket, { watch, roles }: Watcher): Promise<void> {
    for (const clusterId of watch?.clusterIds ?? []) {
      if (!mayOn(roles, clusterId, 'read')) continue;
      const live = await this.options.registry.find(clusterId);
      if (live) socket.emit('status', { ...live, ageMs: ageMsOf(live) });
    }
  }

  private async recheck(socket: Socket): Promise<void> {
    try {
      const principal = await this.principalOf(socket);
      const watcher = this.watchers.get(socket);
      if (!principal) return void socket.disconnect(true);
      if (!watcher) return;
      watcher.roles = principal;
      watcher.caller = callerOf(principal);
      await putInRooms(socket, watcher);
    } catch (error) {
      this.options.logger.warn(
        { error: messageOf(error) },
        'who watches could not be looked up; asked again soon',
      );
    }
  }

  private async principalOf(socket: Socket): Promise<Principal | null> {
    const headers = new Headers();
    const { cookie, authorization } = socket.handshake.headers;
    if (cookie) headers.set('cookie', cookie);
    if (authorization) headers.set('authorization', authorization);
    return this.options.principals.find(headers);
  }
}

async function putInRooms(socket: Socket, { roles, watch, isBehind }: Watcher): Promise<void> {
  const wanted = new Set(allows(roles.role, 'read') ? [everything] : []);
  for (const clusterId of Object.keys(roles.clusters)) {
    wanted.add(mayOn(roles, clusterId, 'read') ? seeing(clusterId) : notSeeing(clusterId));
  }
  if (isBehind) wanted.add(behind);
  if (watch) {
    wanted.add(selective).add(FleetNews.roomOf(roles, watch.fleet ? 'often' : 'seldom'));
    for (const each of watch.clusterIds) {
      const clusterId = each.toLowerCase();
      if (mayOn(roles, clusterId, 'read')) wanted.add(showing(clusterId));
    }
  }
  // Left first: nothing that is hidden by now is told in between.
  const left = [...socket.rooms].filter((room) => room !== socket.id && !wanted.has(room));
  await Promise.all(left.map((room) => socket.leave(room)));
  await socket.join([...wanted]);
}
