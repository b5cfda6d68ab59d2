import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { createPrismaClient, type PrismaClient } from '@quantadb/prisma/client';
import { applyMigrations } from '@quantadb/prisma/migrate';
import { createAdapter } from '@socket.io/postgres-adapter';
import { TRPCError } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { toNodeHandler } from 'better-auth/node';
import { Server as SocketServer } from 'socket.io';
import { Alerts } from './alerts/alerts.ts';
import { ChannelStore } from './alerts/channel-store.ts';
import { Audit } from './audit/audit.ts';
import { ClusterRegistry } from './clusters/registry.ts';
import { StatusKeeper } from './clusters/status-keeper.ts';
import type { ControlPlaneConfig } from './config.ts';
import { DroppedRows } from './history/dropped-rows.ts';
import { FiguresStore } from './history/figures.ts';
import { SampleStore } from './history/samples.ts';
import { StatementStore } from './history/statements.ts';
import { AuthorityKeeper } from './hosts/authority.ts';
import { Enrolment } from './hosts/enrolment.ts';
import { HostLinks } from './hosts/host-links.ts';
import { HostPresence } from './hosts/host-presence.ts';
import { readBody } from './http/body.ts';
import { clientAddressHeader, clientAddressOf } from './http/client-address.ts';
import { callerOf, Gate, headerOf } from './http/gate.ts';
import { Idempotency } from './http/idempotency.ts';
import { mayReadMetrics, refuseMetrics } from './http/metrics-door.ts';
import { openApiDocument } from './http/open-api.ts';
import { RateLimit, rateOf } from './http/rate-limit.ts';
import { Rest } from './http/rest.ts';
import { commonHeaders, dataPolicy } from './http/security-headers.ts';
import { StatusAnswers } from './http/status-answers.ts';
import { refuseProcedure } from './http/trpc-refusal.ts';
import { AdapterPool } from './live/adapter-pool.ts';
import { Live } from './live/live.ts';
import { MetadataBackup } from './metadata-backup.ts';
import { createMetadataPools, type MetadataPools } from './metadata-pool.ts';
import { renderConsoleMetrics } from './metrics.ts';
import { createAuth, openAuthPaths } from './people/auth.ts';
import { OwnAccount } from './people/own-account.ts';
import { People } from './people/people.ts';
import { PrincipalFinder } from './people/principal.ts';
import { SecondFactor } from './people/second-factor.ts';
import { SignInTries } from './people/sign-in-tries.ts';
import { rotateAtStart, writeRotation } from './secret-rotation.ts';
import type { Services } from './services.ts';
import type { Context } from './trpc/init.ts';
import { appRouter } from './trpc/router.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const bodyBytesMax = 1024 * 1024;
const signInBytesMax = 64 * 1024;
/** Procedures in one request; the console's pages ask for at most so many. */
const batchMax = 20;
const reportBytesMax = 4 * 1024 * 1024;
const expireEveryMs = 60_000;
const judgeAlertsEveryMs = 5000;
const tellDroppedEveryMs = 5000;
/** Between consoles, through the adapter. */
const droppedEvent = 'rows dropped';
const alertsHangMs = 60_000;

/** The control plane on one HTTP server: tRPC, REST, sign-in, live stream, hosts, metrics. */
export class ControlPlane {
  private readonly config: ControlPlaneConfig;
  private readonly prisma: PrismaClient;
  private readonly between: AdapterPool;
  private readonly server: Server;
  private readonly sockets: SocketServer;
  private readonly services: Services;
  private readonly pools: MetadataPools;
  private readonly keeper: StatusKeeper;
  private readonly presence: HostPresence;
  private readonly live: Live;
  private readonly answers: StatusAnswers;
  private readonly principals: PrincipalFinder;
  private readonly gate: Gate;
  private readonly tries: SignInTries;
  private readonly idempotency: Idempotency;
  private readonly routes: [prefix: string, handler: Handler][];
  private readonly timers: NodeJS.Timeout[];
  private readonly dropped = new DroppedRows(randomUUID());
  private readonly alerts: Alerts;
  private readonly backup: MetadataBackup | null;
  /** Of the API; null: nobody has asked yet. It takes a while to write, and is the same for everybody. */
  private documentText: string | null = null;

  private constructor(
    config: ControlPlaneConfig,
    parts: { prisma: PrismaClient; between: AdapterPool; keeper: AuthorityKeeper; server: Server },
  ) {
    const { prisma, between, keeper, server } = parts;
    const { logger, publicUrl, requestsPerMinute, readsPerMinute } = config;
    this.config = config;
    this.prisma = prisma;
    this.between = between;
    this.server = server;
    const audit = new Audit(prisma, keeper.auditKey);
    this.tries = new SignInTries(prisma, config.secret);
    const auth = createAuth(prisma, config, {
      ...{ audit, tries: this.tries },
      accessChanged: (id) => this.services.accessChanged({ kind: 'user', id }),
    });
    const pools = createMetadataPools(config.databaseUrl, logger);
    this.pools = pools;
    this.principals = new PrincipalFinder(prisma, auth, pools.questions);
    this.gate = new Gate({
      ...{ principals: this.principals, publicUrl },
      reads: new RateLimit(rateOf(readsPerMinute)),
      others: new RateLimit(rateOf(requestsPerMinute)),
    });
    this.idempotency = new Idempotency(prisma, config);
    this.sockets = createSockets(server, { between, publicUrl, logger });
    const samples = new SampleStore(prisma, pools, logger);
    const figures = new FiguresStore(prisma, pools, logger);
    const statements = new StatementStore(prisma, pools, logger);
    this.keeper = new StatusKeeper({ pools, logger, onNews: (status) => this.live.status(status) });
    this.presence = new HostPresence(pools.bulk, logger);
    const registry = new ClusterRegistry({
      ...{ prisma, keeper: this.keeper, presence: this.presence },
      ...{ samples, figures, statements },
      onStatus: (status) => this.live.status(status),
      onHistory: (what) => this.live.changed(what),
    });
    const namespace = this.sockets.of('/live');
    this.live = new Live({ namespace, principals: this.principals, registry, logger });
    this.answers = new StatusAnswers(this.keeper);
    const links = new HostLinks({
      ...{ prisma, keeper, logger, namespace: this.sockets.of('/nodes') },
      onReport: (host, report) => registry.receive(host, report),
    });
    const enrolment = new Enrolment(prisma, keeper);
    const people = new People(prisma, auth, config.secret);
    const stores = { samples, figures, statements };
    this.services = {
      ...{ prisma, people, audit, registry, ...stores, keeper, enrolment, links, publicUrl },
      account: new OwnAccount(prisma, auth),
      secondFactor: new SecondFactor(prisma, auth),
      provider: config.oidc && { name: config.oidc.name },
      channels: new ChannelStore(prisma, config.secret),
      accessChanged: (caller) => this.live.accessChanged(caller && callerOf(caller)),
      alertsChanged: (clusterId) => this.live.changed({ clusterId: clusterId ?? '', kind: 'alerts' }),
    };
    this.routes = [
      ['/api/auth/', this.signingIn(toNodeHandler(auth))],
      ['/api/trpc/', this.trpc()],
      ['/api/v1/openapi.json', (_request, response) => sendJson(response, this.document())],
      ['/api/v1/', this.rest()],
      ['/metrics', (request, response) => this.sendMetrics(request, response)],
    ];
    this.timers = [setInterval(() => void this.expire(), expireEveryMs), this.exchangeDropped()];
    this.backup = config.metadataBackup && new MetadataBackup(config.metadataBackup, config);
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
    const { secret, previousSecret, logger } = config;
    const rotated =
      previousSecret && (await rotateAtStart(prisma, { secret, previous: previousSecret }, logger));
    const keeper = await AuthorityKeeper.open(prisma, config.secret);
    if (rotated) await writeRotation(new Audit(prisma, keeper.auditKey), rotated);
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
    const from = { peer: request.socket.remoteAddress, forwardedFor: headerOf(request, 'x-forwarded-for') };
    request.headers[clientAddressHeader] = clientAddressOf(from, this.config.trustedProxies);
    const headers = { ...commonHeaders(this.config.publicUrl), 'content-security-policy': dataPolicy };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    Promise.resolve(route[1](request, response)).catch((error: unknown) => {
      this.config.logger.error({ path, error: messageOf(error) }, 'a request failed');
      if (!response.headersSent) response.writeHead(500).end();
      else response.destroy();
    });
    return true;
  }

  /** Where the first administrator is made; null: there is one. */
  async setupUrl(): Promise<string | null> {
    const { publicUrl, secret } = this.config;
    if (await this.services.people.isSetUp()) return null;
    // What follows the sign is sent to no server, and stands in no log on the way.
    return `${new URL('/setup', publicUrl).href}#${setupTokenOf(secret)}`;
  }

  /** Ends everything, the HTTP server included. */
  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.alerts.close();
    await this.backup?.close();
    // It closes the HTTP server too, which would wait for every idle connection of a browser.
    const closed = this.sockets.close();
    this.server.closeAllConnections();
    await closed;
    this.live.close();
    await this.keeper.close();
    await this.presence.close();
    await this.services.samples.close();
    await this.services.figures.close();
    await this.services.statements.close();
    await this.prisma.$disconnect();
    await Promise.all([this.pools.questions.end(), this.pools.bulk.end()]);
    await this.between.close();
  }

  private startAlerts(): Alerts {
    const { databaseUrl, publicUrl, logger } = this.config;
    return new Alerts({
      ...{ databaseUrl, publicUrl, logger, channels: this.services.channels },
      sources: {
        ...this.services,
        metadataBackup: this.backup,
        questions: this.pools.questions,
        dropped: this.dropped,
      },
      hangMs: this.config.alertsHangMs ?? alertsHangMs,
      everyMs: this.config.judgeAlertsEveryMs ?? judgeAlertsEveryMs,
      onChange: (clusterIds) => {
        for (const clusterId of clusterIds) this.services.alertsChanged(clusterId);
      },
    });
  }

  private exchangeDropped(): NodeJS.Timeout {
    this.sockets.on(droppedEvent, (raw: unknown) => this.dropped.hear(raw, Date.now()));
    return setInterval(() => this.tellDropped(), tellDroppedEveryMs);
  }

  /** Whichever console judges the alerts has to know. */
  private tellDropped(): void {
    const { samples, figures, statements } = this.services;
    this.dropped.count(samples.droppedSamples + figures.dropped + statements.dropped, Date.now());
    const news = this.dropped.news();
    if (news) this.sockets.serverSideEmit(droppedEvent, news);
  }

  /** better-auth looks at origins itself, but not of every request. */
  private signingIn(handle: Handler): Handler {
    const open = openAuthPaths(this.config);
    return async (request, response) => {
      const error = this.gate.forgeryOf(request);
      if (error) return refuseProcedure(response, { error, retryAfterSeconds: null });
      const path = (request.url ?? '').split('?')[0]?.slice('/api/auth'.length) ?? '';
      if (!open.includes(path)) return void response.writeHead(404).end();
      try {
        // better-auth bounds no body, and takes one that was read already from here.
        const body = (await readBody(request, signInBytesMax)).toString('utf8');
        if (body !== '') Object.assign(request, { body });
      } catch (cause) {
        if (cause instanceof TRPCError)
          return refuseProcedure(response, { error: cause, retryAfterSeconds: null });
        throw cause;
      }
      return handle(request, response);
    };
  }

  private document(): string {
    this.documentText ??= JSON.stringify(openApiDocument(this.config.publicUrl));
    return this.documentText;
  }

  private trpc(): Handler {
    const prefix = '/api/trpc/';
    const handle = createHTTPHandler({
      router: appRouter,
      maxBodySize: bodyBytesMax,
      maxBatchSize: batchMax,
      createContext: ({ req }) => this.contextOf(req),
      onError: ({ error, path }) => this.logFailure(error, path),
    });
    return async (request, response) => {
      const admission = await this.gate.admit(request, response, proceduresIn(request.url ?? ''));
      if (!admission.ok) return refuseProcedure(response, admission);
      const parts = await this.answers.procedure(request, admission.principal);
      if (parts) return sendParts(response, parts);
      // The adapter wants to see paths without the prefix it is mounted under.
      request.url = `/${(request.url ?? '').slice(prefix.length)}`;
      return handle(request, response);
    };
  }

  private rest(): Handler {
    const rest = new Rest({
      ...{ gate: this.gate, idempotency: this.idempotency, publicUrl: this.config.publicUrl },
      answers: this.answers,
      createContext: (request) => this.contextOf(request),
      onError: ({ error, path }) => this.logFailure(error, path),
    });
    return (request, response) => rest.handle(request, response);
  }

  private contextOf(request: IncomingMessage): Context {
    const ip = headerOf(request, clientAddressHeader) ?? null;
    return { services: this.services, principal: this.gate.principalOf(request), ip };
  }

  private logFailure(error: TRPCError, path: string | undefined): void {
    if (error.code !== 'INTERNAL_SERVER_ERROR') return;
    this.config.logger.error(
      { path, error: error.message, cause: messageOf(error.cause), stack: error.stack },
      'a procedure failed',
    );
  }

  private async sendMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const door = { token: this.config.metricsToken, principals: this.principals };
    if (!(await mayReadMetrics(request, door))) return refuseMetrics(response);
    const text = await renderConsoleMetrics({
      registry: this.services.registry,
      samples: this.services.samples,
      figures: this.services.figures,
      statements: this.services.statements,
      sockets: this.sockets,
      ...{ keeper: this.keeper, links: this.services.links, live: this.live },
      backup: this.backup,
      alerts: this.alerts,
    });
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  }

  private async expire(): Promise<void> {
    try {
      const { samples, figures, statements } = this.services;
      const nowMs = Date.now();
      await this.idempotency.expire(nowMs);
      await this.tries.expire();
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

function sendJson(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

/** A request may ask for several, separated by commas: each of them counts. */
function proceduresIn(url: string): number {
  return Math.min(batchMax, (url.split('?')[0] ?? '').split(/,|%2c/i).length);
}

/** As tRPC's own adapter answers. */
function sendParts(response: ServerResponse, parts: Buffer[]): void {
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  const headers = { 'content-type': 'application/json', vary: 'trpc-accept, accept' };
  response.writeHead(200, { ...headers, 'content-length': bytes });
  for (const part of parts) response.write(part);
  response.end();
}

function createSockets(
  server: Server,
  { between, publicUrl, logger }: { between: AdapterPool; publicUrl: string; logger: Logger },
): SocketServer {
  // Next's own upgrade requests on the same server must be left alone.
  return new SocketServer(server, {
    transports: ['websocket'],
    destroyUpgrade: false,
    // A page of another site must not watch with the cookies of somebody who is signed in; hosts send no origin.
    allowRequest: ({ headers }, decide) =>
      decide(null, headers.origin === undefined || headers.origin === new URL(publicUrl).origin),
    maxHttpBufferSize: reportBytesMax,
    adapter: createAdapter(between.pool, {
      errorHandler: (error) => logger.warn({ error: error.message }, 'the adapter between consoles failed'),
    }),
  });
}
