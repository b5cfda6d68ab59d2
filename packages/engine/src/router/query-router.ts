import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { readSuffix } from '../contract/read-split.ts';
import type { RouterSettings } from '../contract/router-settings.ts';
import { type Cancel, type Clock, systemClock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { systemRandom } from '../shared/random.ts';
import { AdminSession, adminDatabase } from './admin/admin-session.ts';
import { placed } from './admin/crew-tables.ts';
import { type ViewInput, view } from './admin/views.ts';
import { channelBindingOf } from './auth/channel-binding.ts';
import { judgeLogin } from './auth/host-based.ts';
import {
  ClientLogin,
  type ClientTls,
  type LoggedIn,
  type LoginConnection,
  type LoginContext,
} from './client/login.ts';
import type { StartupOptions } from './client/startup-options.ts';
import { ClusterAccounts } from './control/cluster-accounts.ts';
import type { ControlTls } from './control/control-connection.ts';
import { ControlConnections } from './control/control-connections.ts';
import { Counters } from './counters.ts';
import { Databases } from './databases.ts';
import { leaveNextToOthers } from './net/burst.ts';
import { Wire } from './net/wire.ts';
import { CommitOutcomes } from './outcome/commit-outcomes.ts';
import { Groups } from './pool/groups.ts';
import { errorResponse } from './protocol/build.ts';
import { type AskEpoch, EpochProof } from './reads/epoch-proof.ts';
import { HealthMonitor } from './reads/health-monitor.ts';
import { LoadBalancer } from './reads/load-balancer.ts';
import { WriteClock } from './reads/write-clock.ts';
import { ReplicationDesk } from './replication-desk.ts';
import { type Cancellable, sendCancel } from './server/cancel.ts';
import { SessionDesk } from './session-desk.ts';
import { isOlder, noTopology, type RouterTopology } from './topology.ts';
import { type CrewAnswer, type CrewPlace, type CrewQuestion, workerOf } from './worker/crew-questions.ts';

export interface QueryRouterOptions {
  listen: { host: string; port: number };
  /** Missing: nobody else is behind this router's port. */
  crew?: Crew;
  settings: RouterSettings;
  /** The host's certificate: towards clients, towards servers, and for the router's own questions. */
  tls: ControlTls;
  logger: Logger;
  /** RELOAD: have the settings read again, and handed in by `useSettings`. */
  reload?(): void;
  clock?: Clock;
  /** Asks a majority of the cluster for its epoch; missing: there is no cluster beside the topology. */
  askEpoch?: AskEpoch;
  /** A topology that was not told again for so long says nothing of how far servers lag; null: it is told when it changes. */
  topologyMaxAgeMs?: number | null;
}

/** The workers that share this router's port, of which this is one. */
export interface Crew extends CrewPlace {
  /** @returns what each of the others says; nothing of one that does not answer in time */
  askOthers(question: CrewQuestion): Promise<CrewAnswer[]>;
}

const sweepMs = 100;
const relieveBusyMs = 10;
const relieveIdleMs = 50;
const accountDeadlineMs = 2_000;

/** One address for the whole cluster: takes clients in, and sends what they ask to the server it belongs to. */
export class QueryRouter {
  readonly counters = new Counters();
  readonly groups: Groups;
  readonly desk: SessionDesk;
  readonly replication: ReplicationDesk;
  private readonly options: QueryRouterOptions;
  private readonly databases = new Databases();
  private readonly crew: Crew;
  private readonly clock: Clock;
  private readonly server: net.Server;
  private readonly control: ControlConnections;
  private readonly outcomeControl: ControlConnections;
  private readonly accounts: ClusterAccounts;
  private readonly logins = new Set<ClientLogin>();
  private readonly loginContext: LoginContext;
  private readonly monitor: HealthMonitor;
  private settings: RouterSettings;
  private topology: RouterTopology = noTopology;
  private toldTopology = '';
  private toldAtMs = 0;
  private tls: ControlTls;
  private clientTls: ClientTls;
  private serverTls: SecureContext;
  private stopSweeping: () => void = () => undefined;
  private isStopping = false;

  constructor(options: QueryRouterOptions) {
    this.options = options;
    this.crew = options.crew ?? nobodyElse;
    this.clock = options.clock ?? systemClock;
    this.settings = options.settings;
    this.tls = options.tls;
    this.clientTls = clientTlsOf(options.tls);
    this.serverTls = serverTlsOf(options.tls);
    // Asked several times for every statement: the clock of the process, which takes no big number to read.
    const nowMs = () => performance.now();
    this.control = new ControlConnections(() => this.tls);
    this.outcomeControl = new ControlConnections(() => this.tls);
    const { logger } = options;
    this.accounts = new ClusterAccounts({
      logger,
      ask: (text, values) => this.control.askAny(text, values, accountDeadlineMs),
    });
    const { databases } = this;
    this.groups = new Groups({
      ...{ counters: this.counters, nowMs, databases, logger },
      topology: () => this.topology,
      settings: () => this.settings,
      failed: (node) => this.monitor.failed(node),
      tls: () => this.serverTls,
    });
    const topology = () => this.topology;
    this.monitor = new HealthMonitor({
      ...{ control: this.control, logger, nowMs, topology },
      isUsed: (node) => this.groups.isUsed(node),
      silent: (node, isFirst) => this.groups.silent(node, isFirst),
    });
    const clock = new WriteClock({ control: this.control, logger, topology });
    const balancer = new LoadBalancer(systemRandom);
    const busyOn = (node: string) => this.groups.busyOn(node);
    this.desk = new SessionDesk({
      reads: { balancer, monitor: this.monitor, clock, topology, busyOn },
      epochs: new EpochProof({
        ...{ logger, nowMs, topology },
        ask: options.askEpoch ?? (() => Promise.resolve('unsupported')),
      }),
      outcomes: new CommitOutcomes({ control: this.outcomeControl, logger, nowMs, topology }),
      ...{ groups: this.groups, databases, counters: this.counters, nowMs, logger },
      settings: () => this.settings,
      cancel: (server) => this.cancel(server),
      redefined: (database) => void this.crew.askOthers({ what: 'redefined', database }),
      place: this.crew,
    });
    this.replication = new ReplicationDesk({
      place: this.crew,
      ...{ nowMs, topology, settings: () => this.settings, cancel: (server) => this.cancel(server) },
      tls: () => this.serverTls,
      hostTls: () => createSecureContext({ ...this.tls, minVersion: 'TLSv1.2' }),
    });
    this.loginContext = this.createLoginContext();
    this.server = net.createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) =>
      this.accept(socket),
    );
  }

  /**
   * Opens the port.
   *
   * @param handle of a socket that is bound already, and that other processes listen on too
   * @returns the port it is
   * @throws when it cannot be opened, after which it may be tried again
   */
  async start(handle?: unknown): Promise<number> {
    const { host, port } = this.options.listen;
    const backlog = 1024;
    if (handle === undefined) this.server.listen({ host, port, backlog });
    else this.server.listen(handle, backlog);
    await once(this.server, 'listening');
    this.server.on('error', (error) =>
      this.options.logger.error({ error: error.message }, 'the listener failed'),
    );
    const stopSweep = this.clock.every(sweepMs, () => {
      this.forgetOldLag();
      this.groups.sweep();
    });
    const stopAsking = this.monitor.start(this.clock);
    const stopRelieving = this.relieveShared();
    this.stopSweeping = () => {
      stopSweep();
      stopAsking();
      stopRelieving();
    };
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  /** Looks closely only while statements share connections. @returns ends it */
  private relieveShared(): Cancel {
    let stop: Cancel = () => undefined;
    const look = () => {
      this.groups.relieveShared();
      stop = this.clock.after(this.groups.hasShared ? relieveBusyMs : relieveIdleMs, look);
    };
    look();
    return () => stop();
  }

  /** What consensus says now. Only a newer epoch, or more about the same one, counts. */
  useTopology(topology: RouterTopology): void {
    const isSameCluster = topology.cluster === this.topology.cluster;
    if (isSameCluster && isOlder(topology, this.topology)) return;
    this.toldAtMs = performance.now();
    const text = JSON.stringify(topology);
    if (text === this.toldTopology) return;
    this.toldTopology = text;
    this.topology = topology;
    this.control.use(topology);
    this.outcomeControl.use(topology);
    this.groups.topologyChanged();
    this.replication.topologyChanged();
  }

  /** A daemon that hangs, or sees the others no more, does not say so. */
  private forgetOldLag(): void {
    const maxAgeMs = this.options.topologyMaxAgeMs ?? null;
    if (maxAgeMs === null || performance.now() - this.toldAtMs < maxAgeMs || this.toldTopology === '') return;
    this.toldTopology = '';
    const nodes = this.topology.nodes.map((node) => ({ ...node, lagBytes: null, lagMs: null }));
    this.topology = { ...this.topology, nodes };
  }

  useSettings(settings: RouterSettings): void {
    this.settings = settings;
  }

  /** After a renewal of the host's certificate: for connections from now on. */
  useCertificate(tls: ControlTls): void {
    this.tls = tls;
    this.clientTls = clientTlsOf(tls);
    this.serverTls = serverTlsOf(tls);
  }

  /**
   * Takes no more clients, lets transactions end until the deadline, then tells everybody goodbye.
   *
   * @param closed told at once: the port is free
   */
  async stop(drainMs: number, closed: () => void = () => undefined): Promise<void> {
    this.isStopping = true;
    this.server.close();
    closed();
    for (const login of [...this.logins]) login.shutDown();
    this.replication.closeAll();
    await this.desk.drain(drainMs, this.clock);
    this.stopSweeping();
    this.groups.closeAll();
    this.control.close();
    this.outcomeControl.close();
  }

  /**
   * Takes no more clients; those who are here stay. What the kernel has accepted already is taken first, because closing the
   * port would reset it.
   */
  async closePort(): Promise<void> {
    await setImmediate();
    await setImmediate();
    this.server.close();
  }

  /** Nobody is here, nor about to be. */
  get isEmpty(): boolean {
    return this.desk.sessions.size + this.replication.count + this.logins.size === 0;
  }

  get currentTopology(): RouterTopology {
    return this.topology;
  }

  private accept(socket: net.Socket): void {
    const login = new ClientLogin(this.loginContext);
    const wire = Wire.accept(socket, login);
    this.counters.clientsAccepted++;
    login.start(wire);
    this.logins.add(login);
    if (this.crew.count > 1) leaveNextToOthers();
    const clients = this.desk.sessions.size + this.replication.count + this.logins.size;
    if (clients <= this.settings.clientsMax && !this.isStopping) return;
    this.counters.clientsRefused++;
    const message = 'sorry, too many clients already';
    wire.appendAll(errorResponse({ severity: 'FATAL', sqlState: '53300', message }));
    wire.end();
  }

  private cancel(server: Cancellable): void {
    sendCancel(server, this.topology, this.serverTls, this.counters);
  }

  private loggedIn(login: LoggedIn): void {
    if (login.options.replication !== 'none') {
      this.replication.open(login);
      return;
    }
    if (login.options.database !== adminDatabase) {
      this.desk.open(login);
      return;
    }
    const { account, wire, rest } = login;
    if (!account.isSuperuser && !account.isMonitor) {
      const message = `only superusers and members of pg_monitor may look at the router`;
      wire.appendAll(errorResponse({ severity: 'FATAL', sqlState: '42501', message }));
      wire.end();
      return;
    }
    const session = new AdminSession({
      ...{ wire, isOperator: account.isSuperuser, reload: this.options.reload ?? null },
      ask: async (question) => [this.answer(question), ...(await this.crew.askOthers(question))],
    });
    session.start(rest);
  }

  /** What another worker of this router wants to know of this one, or to be done here too. */
  answer(question: CrewQuestion): CrewAnswer {
    switch (question.what) {
      case 'show':
        return placed(question.subject, view(question.subject, this.look()), this.crew);
      case 'pause':
        this.groups.pause(question.database);
        return null;
      case 'resume':
        this.groups.resume(question.database);
        return null;
      case 'busy':
        return this.desk.busyIn(question.database);
      case 'redefined':
        this.databases.find(question.database)?.catalogue.changed();
        return null;
      case 'cancel':
        this.cancelHere(question.processId, Buffer.from(question.secret, 'hex'));
        return null;
    }
  }

  private look(): ViewInput {
    const { groups, counters, topology } = this;
    return {
      ...{ groups, counters, topology, nowMs: performance.now() },
      sessions: this.desk.sessions.values(),
      replication: this.replication.list(),
      readiness: (node) => this.monitor.readiness(node),
    };
  }

  private cancelHere(processId: number, secret: Buffer): boolean {
    return this.desk.cancel(processId, secret) || this.replication.cancel(processId, secret);
  }

  /** Who is not one of these sessions may be of another worker, or of a router that this one has replaced. */
  private cancelRequested(processId: number, secret: Buffer): void {
    if (workerOf(processId) === this.crew.index && this.cancelHere(processId, secret)) return;
    void this.crew.askOthers({ what: 'cancel', processId, secret: secret.toString('hex') });
  }

  private whyRefused(options: StartupOptions, { account, ...connection }: LoginConnection): string | null {
    const { user, database } = options;
    const isReplication = options.replication === 'physical';
    const groups = account?.groups ?? [];
    const rule = judgeLogin(this.topology.hba, { user, database, groups, isReplication, ...connection });
    if (!rule.allowed) return rule.reason;
    if (account?.canConnect === false && database !== adminDatabase && !isReplication)
      return `permission denied for database "${database}": User does not have CONNECT privilege.`;
    const isTooWeak = rule.method === 'scram-sha-256' && account?.verifier.kind === 'md5';
    return isTooWeak
      ? `the password of "${user}" is stored as md5, and scram-sha-256 is asked for: set it anew`
      : null;
  }

  private createLoginContext(): LoginContext {
    const settings = () => this.settings;
    return {
      tls: () => this.clientTls,
      get timeoutMs() {
        return settings().loginTimeoutMs;
      },
      mockSecret: randomBytes(32),
      wallMs: () => this.clock.wallMs(),
      findAccount: (user, database) => this.accounts.find(user, database),
      suffixOf: (database) => (database === adminDatabase ? null : readSuffix(database, settings())),
      whyRefused: (options, connection) => this.whyRefused(options, connection),
      cancelRequested: (processId, secret) => this.cancelRequested(processId, secret),
      loggedIn: (login: LoggedIn) => this.loggedIn(login),
      ended: (login) => this.logins.delete(login),
    };
  }
}

const nobodyElse: Crew = { index: 0, count: 1, askOthers: () => Promise.resolve([]) };

function clientTlsOf(tls: ControlTls): ClientTls {
  const context = createSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  return { context, channelBinding: channelBindingOf(tls.cert) };
}

function serverTlsOf(tls: ControlTls): SecureContext {
  return createSecureContext({ ca: tls.ca, minVersion: 'TLSv1.2' });
}
