import { rm } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as NetServer } from 'node:net';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { NodeFiguresTold } from '@quantadb/engine/contract/node-metrics';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { callerOf } from './caller.ts';
import { HttpProblem, sendProblem } from './http-errors.ts';
import { type ApiLimits, usualLimits } from './limits.ts';
import { type Answer, type RouteOptions, Routes } from './routes.ts';
import { createEntrance } from './sniff.ts';

export interface ApiOptions {
  facade: DaemonFacade;
  listenHost: string;
  /** 0 for any free one. */
  port: number;
  socketPath: string;
  tls: { ca: string; cert: string; key: string };
  logger: Logger;
  /** The newest look at this host, for /metrics. */
  figures?(): NodeFiguresTold | null;
  metricsTokenFile?: string | null;
  logs?: RouteOptions['logs'];
  diagnosis?: RouteOptions['diagnosis'];
  limits?: Partial<ApiLimits>;
  onShutdownRequested(postgres: 'stop' | 'leave'): void;
}

export interface Api {
  port: number;
  /** How many the TCP port has open. */
  connections(): number;
  /** After a renewal: for every connection that begins from now on. */
  useCertificate(tls: ApiOptions['tls']): void;
  close(): Promise<void>;
}

const mutualTls = { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true } as const;

/** Only the daemon's own user may connect to the unix socket. */
const othersMayNothing = 0o177;

/**
 * The daemon's API: one TCP port for plain HTTP (reading only) and mutual TLS, told apart by the first byte, and a unix
 * socket for the host's administrator.
 *
 * @throws QuantaError CONFIG_INVALID when the port or the socket cannot be had
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const limits = { ...usualLimits, ...options.limits };
  const { plain, secure, local } = createServers(options, limits);
  const entrance = createEntrance({ plain, secure }, limits);
  const close = async () => {
    const closed = [entrance.server, local].map((server) => new Promise((resolve) => server.close(resolve)));
    // These two have no port of their own to close; it ends their watch over deadlines.
    for (const server of [plain, secure]) server.close();
    for (const socket of entrance.sockets) socket.destroy();
    local.closeAllConnections();
    await Promise.all(closed);
  };
  try {
    await listen(entrance.server, { port: options.port, host: options.listenHost });
    await listenLocally(local, options.socketPath);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    port: portOf(entrance.server),
    connections: () => entrance.sockets.size,
    useCertificate: (tls) => secure.setSecureContext({ ...tls, ...mutualTls }),
    close,
  };
}

function createServers(options: ApiOptions, limits: ApiLimits) {
  const routes = new Routes(options);
  const timing = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkEveryMs,
  };
  const authentication = {
    ...options.tls,
    ...mutualTls,
    handshakeTimeout: limits.handshakeTimeoutMs,
  } as const;
  const onTcp = handler({ options, limits, routes, isLocalSocket: false });
  const plain = createHttpServer(timing, onTcp);
  const secure = createHttpsServer({ ...timing, ...authentication }, onTcp);
  secure.on('tlsClientError', (error) =>
    options.logger.debug({ error: messageOf(error) }, 'a TLS handshake came to nothing'),
  );
  // They are handed their connections and never listen: without this event Node watches over no deadline of theirs.
  for (const server of [plain, secure]) server.emit('listening');
  const local = createHttpServer(timing, handler({ options, limits, routes, isLocalSocket: true }));
  local.maxConnections = limits.connectionsMax;
  return { plain, secure, local };
}

interface HandlerOptions {
  options: ApiOptions;
  limits: ApiLimits;
  routes: Routes;
  isLocalSocket: boolean;
}

function handler({ options, limits, routes, isLocalSocket }: HandlerOptions) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    routes
      .answer(request, callerOf(request, isLocalSocket))
      .then((answer) => send(response, answer))
      .catch((error: unknown) => {
        const isKnown = error instanceof QuantaError || error instanceof HttpProblem;
        const log = isKnown ? options.logger.debug : options.logger.warn;
        log.call(options.logger, { path: request.url, error: messageOf(error) }, 'a request failed');
        sendProblem(response, error);
      })
      .finally(() => dropWhenNotTaken(response, limits.answerTimeoutMs));
  };
}

function send(response: ServerResponse, answer: Answer): void {
  const { status, contentType, body, afterwards } = answer;
  if (afterwards) response.once('close', afterwards);
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}

/** A client that does not read its answer would hold its connection for ever. */
function dropWhenNotTaken(response: ServerResponse, timeoutMs: number): void {
  if (response.writableFinished || response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  response.once('close', () => clearTimeout(timer));
}

async function listenLocally(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  // The socket is bound within the call: there is no moment at which others could connect.
  const previous = process.umask(othersMayNothing);
  let listening: Promise<void>;
  try {
    listening = listen(server, { path });
  } finally {
    process.umask(previous);
  }
  await listening;
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
