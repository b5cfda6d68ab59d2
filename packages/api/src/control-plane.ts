import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { messageOf } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { createPrismaClient, type PrismaClient } from '@quantadb/prisma/client';
import { applyMigrations } from '@quantadb/prisma/migrate';
import { createAdapter } from '@socket.io/postgres-adapter';
import type { TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { Server as SocketServer } from 'socket.io';
import { createOpenApiHttpHandler, generateOpenApiDocument } from 'trpc-to-openapi';
import { Alerts } from './alerts/alerts.ts';
import { ChannelStore } from './alerts/channel-store.ts';
import { Audit } from './audit/audit.ts';
import { ClusterRegistry } from './clusters/registry.ts';
import type { ControlPlaneConfig } from './config.ts';
import { FiguresStore } from './history/figures.ts';
import { SampleStore } from './history/samples.ts';
import { StatementStore } from './history/statements.ts';
import { AuthorityKeeper } from './hosts/authority.ts';
import { Enrolment } from './hosts/enrolment.ts';
import { HostLinks } from './hosts/host-links.ts';
import { AdapterPool } from './live/adapter-pool.ts';
import { Live } from './live/live.ts';
import { renderConsoleMetrics } from './metrics.ts';
import { clientAddressHeader, createAuth } from './people/auth.ts';
import { People } from './people/people.ts';
import { PrincipalFinder } from './people/principal.ts';
import type { Services } from './services.ts';
import type { Context } from './trpc/init.ts';
import { appRouter } from './trpc/router.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const bodyBytesMax = 1024 * 1024;
const reportBytesMax = 4 * 1024 * 1024;
const expireEveryMs = 60_000;
const judgeAlertsEveryMs = 5000;

/** The control plane on one HTTP server: tRPC, REST, sign-in, live stream, hosts, metrics. */
export class ControlPlane {
  private readonly config: ControlPlaneConfig;
  private readonly prisma: PrismaClient;
  private readonly between: AdapterPool;
  private readonly server: Server;
  private readonly sockets: SocketServer;
  private readonly services: Services;
  private readonly principals: PrincipalFinder;
  private readonly routes: [prefix: string, handler: Handler][];
  private readonly expiry: NodeJS.Timeout;
  private readonly alerts: Alerts;

  private constructor(
    config: ControlPlaneConfig,
    parts: { prisma: PrismaClient; between: AdapterPool; keeper: AuthorityKeeper; server: Server },
  ) {
    const { prisma, between, keeper, server } = parts;
    const { logger } = config;
    this.config = config;
    this.prisma = prisma;
    this.between = between;
    this.server = server;
    const auth = createAuth(prisma, config);
    this.principals = new PrincipalFinder(prisma, auth);
    // Next's own upgrade requests on the same server must be left alone.
    this.sockets = new SocketServer(server, {
      transports: ['websocket'],
      destroyUpgrade: false,
      maxHttpBufferSize: reportBytesMax,
      adapter: createAdapter(between.pool, {
        errorHandler: (error) => logger.warn({ error: error.message }, 'the adapter between consoles failed'),
      }),
    });
    const samples = new SampleStore(prisma, logger);
    const figures = new FiguresStore(prisma, logger);
    const statements = new StatementStore(prisma, logger);
    const registry: ClusterRegistry = new ClusterRegistry({
      prisma,
      samples,
      figures,
      statements,
      onStatus: (status) => live.status(status),
      onHistory: (what) => live.changed(what),
    });
    const namespace = this.sockets.of('/live');
    const live = new Live({ namespace, principals: this.principals, registry, logger });
    const links = new HostLinks({
      namespace: this.sockets.of('/nodes'),
      prisma,
      keeper,
      logger,
      onReport: (host, report) => registry.receive(host, report),
    });
    const enrolment = new Enrolment(prisma, keeper);
    const people = new People(prisma, auth);
    this.services = {
      prisma,
      people,
      audit: new Audit(prisma),
      registry,
      samples,
      figures,
      statements,
      keeper,
      enrolment,
      links,
      channels: new ChannelStore(prisma, config.secret),
      publicUrl: config.publicUrl,
      alertsChanged: (clusterId) => live.changed({ clusterId: clusterId ?? '', kind: 'alerts' }),
    };
    this.routes = [
      ['/api/auth/', toNodeHandler(auth)],
      ['/api/trpc/', stripped('/api/trpc/', createHTTPHandler(this.mount()))],
      ['/api/v1/openapi.json', (_request, response) => sendJson(response, this.openApi())],
      ['/api/v1/', stripped('/api/v1/', createOpenApiHttpHandler(this.mount()))],
      ['/metrics', (_request, response) => this.sendMetrics(response)],
    ];
    this.expiry = setInterval(() => void this.expire(), expireEveryMs);
    this.alerts = this.startAlerts();
  }

  /**
   * Applies migrations, opens the authority and listens on `server` for sockets.
   *
   * @throws QuantaError CONFIG_INVALID for a wrong secret; the database's own error when it cannot be reached
   */
  static async open(config: ControlPlaneConfig, server: Server): Promise<ControlPlane> {
    const applied = await applyMigrations(config.databaseUrl);
    if (applied.length > 0) config.logger.info({ applied }, 'the metadata schema was brought up to date');
    const prisma = createPrismaClient(config.databaseUrl);
    const between = new AdapterPool(config.databaseUrl, config.logger);
    const keeper = await AuthorityKeeper.open(prisma, config.secret);
    return new ControlPlane(config, { prisma, between, keeper, server });
  }

  /** @returns false when the request is none of the control plane's: a page, then */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const route = this.routes.find(
      ([prefix]) => path === prefix || (prefix.endsWith('/') && path.startsWith(prefix)),
    );
    if (!route) return false;
    // Audit and rate limits believe this header, because it is overwritten on every request.
    request.headers[clientAddressHeader] = request.socket.remoteAddress ?? 'unknown';
    Promise.resolve(route[1](request, response)).catch((error: unknown) => {
      this.config.logger.error({ path, error: messageOf(error) }, 'a request failed');
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
    return true;
  }

  /** Ends everything, the HTTP server included. */
  async close(): Promise<void> {
    clearInterval(this.expiry);
    await this.alerts.close();
    // It closes the HTTP server too, which would wait for every idle connection of a browser.
    const closed = this.sockets.close();
    this.server.closeAllConnections();
    await closed;
    await this.services.samples.close();
    await this.services.figures.close();
    await this.services.statements.close();
    await this.prisma.$disconnect();
    await this.between.close();
  }

  private startAlerts(): Alerts {
    const { databaseUrl, publicUrl, logger } = this.config;
    return new Alerts({
      ...{ databaseUrl, publicUrl, logger, sources: this.services, channels: this.services.channels },
      everyMs: this.config.judgeAlertsEveryMs ?? judgeAlertsEveryMs,
      onChange: (clusterIds) => {
        for (const clusterId of clusterIds) this.services.alertsChanged(clusterId);
      },
    });
  }

  /** What tRPC and REST share: the same procedures, the same context, the same bounds. */
  private mount() {
    return {
      router: appRouter,
      maxBodySize: bodyBytesMax,
      createContext: ({ req }: { req: IncomingMessage }) => this.contextOf(req),
      onError: ({ error, path }: { error: TRPCError; path?: string | undefined }) => {
        if (error.code !== 'INTERNAL_SERVER_ERROR') return;
        this.config.logger.error(
          { path, error: error.message, cause: messageOf(error.cause), stack: error.stack },
          'a procedure failed',
        );
      },
    };
  }

  /** tRPC hands over Node's request, the REST adapter a web one. */
  private async contextOf(request: Pick<IncomingMessage, 'headers'> | Request): Promise<Context> {
    const headers = request.headers instanceof Headers ? request.headers : fromNodeHeaders(request.headers);
    const principal = await this.principals.find(headers);
    return { services: this.services, principal, ip: headers.get(clientAddressHeader) };
  }

  private openApi(): unknown {
    return generateOpenApiDocument(appRouter, {
      title: 'QuantaDB',
      version: releaseVersion,
      openApiVersion: '3.1.0',
      baseUrl: `${this.config.publicUrl}/api/v1`,
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    });
  }

  private async sendMetrics(response: ServerResponse): Promise<void> {
    const text = await renderConsoleMetrics({
      registry: this.services.registry,
      samples: this.services.samples,
      figures: this.services.figures,
      statements: this.services.statements,
      sockets: this.sockets,
    });
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  }

  private async expire(): Promise<void> {
    try {
      const { samples, figures, statements } = this.services;
      const nowMs = Date.now();
      const dropped = [
        ...(await samples.expire(nowMs)),
        ...(await figures.tidy(nowMs)),
        ...(await statements.tidy(nowMs)),
      ];
      if (dropped.length > 0) this.config.logger.info({ dropped }, 'old metric samples were dropped');
    } catch (error) {
      this.config.logger.warn({ error: messageOf(error) }, 'old metric samples could not be dropped');
    }
  }
}

/** Both adapters want to see paths without the prefix they are mounted under. */
function stripped(prefix: string, handler: Handler): Handler {
  return (request, response) => {
    request.url = `/${(request.url ?? '').slice(prefix.length)}`;
    return handler(request, response);
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
