import { chmod, rm } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { callerOf } from './caller.ts';
import { sendProblem } from './http-errors.ts';
import { Routes } from './routes.ts';

export interface ApiOptions {
  facade: DaemonFacade;
  listenHost: string;
  /** 0 for any free one. */
  port: number;
  socketPath: string;
  tls: { ca: string; cert: string; key: string };
  logger: Logger;
  onShutdownRequested(postgres: 'stop' | 'leave'): void;
}

export interface Api {
  port: number;
  close(): Promise<void>;
}

const connectionsMax = 256;
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 5000;
/** Longer than the peers' own idle time, so that the side that sends closes first. */
const keepAliveTimeoutMs = 15_000;
const firstByteDeadlineMs = 5000;
const tlsHandshakeRecord = 0x16;

/**
 * The daemon's API: one TCP port for plain HTTP (reading only) and mutual TLS, told apart by the first byte, and a unix
 * socket for the host's administrator.
 *
 * @throws QuantaError CONFIG_INVALID when the port or the socket cannot be had
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const routes = new Routes(options);
  const plain = limited(createHttpServer(handler(options, routes, false)));
  const secure = limited(
    createHttpsServer(
      { ...options.tls, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true },
      handler(options, routes, false),
    ),
  );
  const local = limited(createHttpServer(handler(options, routes, true)));
  const sockets = new Set<Socket>();
  const entrance = createNetServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    admit(socket, { plain, secure });
  });
  entrance.maxConnections = connectionsMax;
  await listen(entrance, { port: options.port, host: options.listenHost });
  await rm(options.socketPath, { force: true });
  await listen(local, { path: options.socketPath });
  await chmod(options.socketPath, 0o600);
  return {
    port: portOf(entrance),
    close: async () => {
      const closed = [entrance, local].map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      local.closeAllConnections();
      await Promise.all(closed);
    },
  };
}

type ClosableServer = Server & { closeAllConnections(): void };

function limited<T extends Server>(server: T): T & ClosableServer {
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = headersTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.maxConnections = connectionsMax;
  return server;
}

/** Looks at the first byte, puts it back, and hands the socket to the server it is meant for. */
function admit(socket: Socket, servers: { plain: Server; secure: Server }): void {
  const timer = setTimeout(() => socket.destroy(), firstByteDeadlineMs);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => socket.destroy());
  socket.once('readable', () => {
    const first = socket.read(1) as Buffer | null;
    clearTimeout(timer);
    if (!first) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    const server = first[0] === tlsHandshakeRecord ? servers.secure : servers.plain;
    server.emit('connection', socket);
  });
}

function handler(options: ApiOptions, routes: Routes, isLocalSocket: boolean) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    routes
      .answer(request, callerOf(request, isLocalSocket))
      .then(({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
        response.end(request.method === 'HEAD' ? undefined : body);
      })
      .catch((error: unknown) => {
        const isKnown = error instanceof QuantaError;
        const log = isKnown ? options.logger.debug : options.logger.warn;
        log.call(options.logger, { path: request.url, error: messageOf(error) }, 'a request failed');
        sendProblem(response, error);
      });
  };
}

function listen(
  server: NetServer | Server,
  at: { port: number; host: string } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error) => {
      const place = 'path' in at ? at.path : `${at.host}:${at.port}`;
      reject(
        new QuantaError('CONFIG_INVALID', `the API cannot listen on ${place}: ${error.message}`, {
          cause: error,
          hint: 'End what uses the port, or give this host another API port.',
        }),
      );
    });
    server.listen(at, resolve);
  });
}

function portOf(server: NetServer): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
