import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Namespace, Socket } from 'socket.io';
import type { ClusterRegistry, HistoryKind, LiveStatus } from '../clusters/registry.ts';
import type { Principal, PrincipalFinder } from '../people/principal.ts';
import { allows, mayOn, type Roles } from '../people/roles.ts';

export interface LiveOptions {
  namespace: Namespace;
  principals: PrincipalFinder;
  registry: ClusterRegistry;
  logger: Logger;
}

/** Who sees every cluster that is not hidden from him. */
const everything = 'everything';
const seeing = (clusterId: string) => `sees ${clusterId}`;
const notSeeing = (clusterId: string) => `does not see ${clusterId}`;
/** Somebody whose session or role ended elsewhere must not go on watching. */
const recheckEveryMs = 15_000;

/**
 * What browsers watch. Every signed-in browser gets the status of every cluster that its person may read, once a second; the adapter
 * carries it to the browsers of the other console instances.
 */
export class Live {
  private readonly options: LiveOptions;

  constructor(options: LiveOptions) {
    this.options = options;
    options.namespace.use((socket, next) => {
      this.principalOf(socket).then(
        (principal) => next(principal ? undefined : new Error('sign in first')),
        (error: unknown) => next(new Error(messageOf(error))),
      );
    });
    options.namespace.on('connection', (socket) => void this.welcome(socket));
  }

  status(live: LiveStatus): void {
    this.watching(live.clusterId).emit('status', live);
  }

  /** Something in the history has changed: whoever shows it fetches it again. */
  changed(what: { clusterId: string; kind: HistoryKind }): void {
    this.watching(what.clusterId).emit('changed', what);
  }

  private watching(clusterId: string) {
    return this.options.namespace.to([everything, seeing(clusterId)]).except(notSeeing(clusterId));
  }

  private async welcome(socket: Socket): Promise<void> {
    const timer = setInterval(() => void this.recheck(socket), recheckEveryMs);
    socket.once('disconnect', () => clearInterval(timer));
    try {
      const principal = await this.principalOf(socket);
      if (!principal) return void socket.disconnect(true);
      await putInRooms(socket, principal);
      for (const live of await this.options.registry.list()) {
        if (!mayOn(principal, live.clusterId, 'read')) continue;
        socket.emit('status', { ...live, ageMs: Date.now() - live.reportedAtMs });
      }
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'a browser did not get the first picture');
    }
  }

  private async recheck(socket: Socket): Promise<void> {
    try {
      const principal = await this.principalOf(socket);
      if (principal) await putInRooms(socket, principal);
      else socket.disconnect(true);
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

async function putInRooms(socket: Socket, roles: Roles): Promise<void> {
  const wanted = new Set(allows(roles.role, 'read') ? [everything] : []);
  for (const clusterId of Object.keys(roles.clusters)) {
    wanted.add(mayOn(roles, clusterId, 'read') ? seeing(clusterId) : notSeeing(clusterId));
  }
  // Left first: nothing that is hidden by now is told in between.
  const left = [...socket.rooms].filter((room) => room !== socket.id && !wanted.has(room));
  await Promise.all(left.map((room) => socket.leave(room)));
  await socket.join([...wanted]);
}
