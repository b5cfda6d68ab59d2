import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Namespace, Socket } from 'socket.io';
import type { ClusterRegistry, HistoryKind, LiveStatus } from '../clusters/registry.ts';
import type { PrincipalFinder } from '../people/principal.ts';

export interface LiveOptions {
  namespace: Namespace;
  principals: PrincipalFinder;
  registry: ClusterRegistry;
  logger: Logger;
}

const room = 'signed-in';
/** A session that ended elsewhere must not go on watching. */
const recheckEveryMs = 60_000;

/**
 * What browsers watch. Every signed-in browser gets every cluster's status once a second; the adapter carries it to the
 * browsers of the other console instances.
 */
export class Live {
  private readonly options: LiveOptions;

  constructor(options: LiveOptions) {
    this.options = options;
    options.namespace.use((socket, next) => {
      this.isSignedIn(socket).then(
        (isSignedIn) => next(isSignedIn ? undefined : new Error('sign in first')),
        (error: unknown) => next(new Error(messageOf(error))),
      );
    });
    options.namespace.on('connection', (socket) => void this.welcome(socket));
  }

  status(live: LiveStatus): void {
    this.options.namespace.to(room).emit('status', live);
  }

  /** Something in the history has changed: whoever shows it fetches it again. */
  changed(what: { clusterId: string; kind: HistoryKind }): void {
    this.options.namespace.to(room).emit('changed', what);
  }

  private async welcome(socket: Socket): Promise<void> {
    const timer = setInterval(() => void this.recheck(socket), recheckEveryMs);
    socket.once('disconnect', () => clearInterval(timer));
    await socket.join(room);
    try {
      for (const live of await this.options.registry.list()) {
        socket.emit('status', { ...live, ageMs: Date.now() - live.reportedAtMs });
      }
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'a browser did not get the first picture');
    }
  }

  private async recheck(socket: Socket): Promise<void> {
    const isSignedIn = await this.isSignedIn(socket).catch(() => true);
    if (!isSignedIn) socket.disconnect(true);
  }

  private async isSignedIn(socket: Socket): Promise<boolean> {
    const headers = new Headers();
    const { cookie, authorization } = socket.handshake.headers;
    if (cookie) headers.set('cookie', cookie);
    if (authorization) headers.set('authorization', authorization);
    return (await this.options.principals.find(headers)) !== null;
  }
}
