import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupNode } from '@quantadb/engine/backup/backup-node';
import { Coordinator } from '@quantadb/engine/cluster/coordinator';
import { PostgresDatabase } from '@quantadb/engine/cluster/postgres-database';
import type { LogAnswer, LogQuestion, LogSource } from '@quantadb/engine/contract/logs';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import { ReaperClient } from '@quantadb/engine/failover/reaper/client';
import { killOrphans } from '@quantadb/engine/failover/reaper/orphans';
import { SealStore } from '@quantadb/engine/failover/seal-store';
import { timingOf } from '@quantadb/engine/failover/timing';
import { LogKeeper } from '@quantadb/engine/logs/log-keeper';
import { readLog } from '@quantadb/engine/logs/log-reader';
import { FiguresKeeper } from '@quantadb/engine/monitor/figures/figures-keeper';
import { ReplicationDesk } from '@quantadb/engine/monitor/replication/replication-desk';
import { SessionDesk } from '@quantadb/engine/monitor/sessions/session-desk';
import { StatementsKeeper } from '@quantadb/engine/monitor/statements/statements-keeper';
import { ServerAdopter } from '@quantadb/engine/postgres/adopt/adopter';
import { isOwnServer } from '@quantadb/engine/postgres/adopt/ownership';
import { filesOf, type NodePlace } from '@quantadb/engine/postgres/layout';
import type { OsUser } from '@quantadb/engine/postgres/postmaster-host';
import { withDeadline } from '@quantadb/engine/shared/deadline';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { stateDirectory } from '@quantadb/engine/shared/state-directory';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { startApi } from './api/server.ts';
import { CertificateKeeper, type Tls } from './certificate-keeper.ts';
import type { ConsoleLink } from './console-link.ts';
import { describeHost } from './diagnosis/describe-host.ts';
import { HookRunner } from './hooks/hook-runner.ts';
import { type HostConfig, loadHostConfig } from './host-config.ts';
import { loadLateModules } from './late-modules.ts';
import { ownLogFile } from './own-log.ts';
import { HttpsPeerCaller } from './peer-client.ts';
import { osUserNamed, repositoryUser } from './preflight/os-user.ts';
import { isSupervised, RealHostTools } from './real-host-tools.ts';
import { RouterAccess } from './router-access.ts';
import { RouterHost } from './router-host.ts';

export interface DaemonOptions {
  config: HostConfig;
  /** Where the configuration came from. */
  configFile: string;
  tls: Tls;
  logger: Logger;
  /** The daemon has done what it can; the process is to end. */
  onEnd(code: number, why: string): void;
}

type PostgresEnd = 'stop' | 'leave';

const answerMs = 100;
const orphansDeadlineMs = 20_000;
/** For transactions that go on in this host's router: it ends by itself, while the next daemon's has the port. */
const routerDrainMs = 10_000;
const shutdownDeadlineMs = 50_000;

/** What the parts of a daemon hold on to; each is closed in the opposite order of its opening. */
interface Parts {
  reaper: ReaperClient;
  database: PostgresDatabase;
  coordinator: Coordinator;
  caller: HttpsPeerCaller;
  /** Null on a router. */
  backups: BackupNode | null;
}

/** One host's daemon: reaper, PostgreSQL, engine and API, wired. */
export class Daemon {
  private readonly options: DaemonOptions;
  private readonly parts: Parts;
  private closeApi: () => Promise<void> = async () => undefined;
  private link: ConsoleLink | null = null;
  private hooks: HookRunner | null = null;
  private router: RouterHost | null = null;
  private routerAccess: RouterAccess | null = null;
  private readonly certificate: CertificateKeeper;
  private readonly figures: FiguresKeeper;
  private readonly sessions: SessionDesk;
  private readonly replication: ReplicationDesk;
  private readonly statements: StatementsKeeper;
  private useCertificate: (tls: Tls) => void = () => undefined;
  private readonly logFiles: Record<LogSource, string>;
  private readonly logs: LogKeeper;
  private isEnding = false;

  private constructor(options: DaemonOptions, parts: Parts) {
    this.options = options;
    this.parts = parts;
    const { config, tls, logger } = options;
    this.certificate = new CertificateKeeper({
      ...{ host: config.name, tls, certFile: config.tls.cert, logger },
      apply: (renewed) => this.applyCertificate(renewed),
    });
    this.logFiles = {
      postgres: filesOf(placeOf(config, null)).logFile,
      daemon: ownLogFile(config.stateDir),
    };
    this.logs = new LogKeeper({ files: Object.values(this.logFiles), logger });
    const { database } = parts;
    const server = {
      place: config.kind === 'data' ? placeOf(config, null) : null,
      isRunning: () => database.pid() !== null,
    };
    this.sessions = new SessionDesk(server);
    this.replication = new ReplicationDesk(server);
    this.statements = new StatementsKeeper({ ...server, logger });
    this.figures = new FiguresKeeper({
      ...server,
      directory: dirname(config.dataDir),
      router: () => this.router?.report() ?? null,
      logger,
    });
  }

  static async start(options: DaemonOptions): Promise<Daemon> {
    const { config, logger, tls } = options;
    await mkdir(config.stateDir, { recursive: true, mode: 0o755 });
    await mkdir(config.runDir, { recursive: true, mode: 0o755 });
    // PostgreSQL's user must be able to pass through, not to look around.
    await mkdir(dirname(config.dataDir), { recursive: true, mode: 0o711 });
    const osUser = await osUserNamed(config.osUser);
    const seal = await SealStore.open(stateDirectory(config.stateDir));
    const timing = timingOf(config.timing);
    const reaper = await connectReaper(options, timing.killAheadMs);
    const place = placeOf(config, osUser);
    const disarm = async () => {
      await reaper.disarm();
    };
    const database = new PostgresDatabase({ ...place, host: reaper, logger, disarm });
    await database.open();
    const caller = new HttpsPeerCaller({ tls });
    // A witness can hold the repository.
    const holdsData = config.kind === 'data';
    const backupPlace = holdsData ? place : { ...place, osUser: await repositoryUser(osUser) };
    const backups =
      config.kind === 'router' ? null : new BackupNode({ place: backupPlace, logger, holdsData });
    let daemon: Daemon | null = null;
    const pids = () => ({
      daemon: process.pid,
      reaper: reaper.reaperPid,
      postgres: database.pid(),
      routers: daemon?.router?.pids ?? [],
    });
    const tools = new RealHostTools({
      ...{ place, configFile: options.configFile },
      onPrograms: (directory) => {
        place.binDir = directory;
        database.usePrograms(directory);
      },
      // The call is answered first.
      onRestart: () => void setTimeout(() => void daemon?.end('leave', 'to be started again'), answerMs),
    });
    const coordinator = new Coordinator({
      self: { name: config.name, kind: config.kind, addresses: config.addresses, version: releaseVersion },
      directory: config.stateDir,
      listenHost: config.listenHost,
      tls,
      timing,
      caller,
      database,
      dataDir: config.dataDir,
      ...(config.kind === 'data' ? { adopter: new ServerAdopter(place) } : {}),
      seal,
      arm: async (deadlineMs) => (await reaper.arm(deadlineMs)).ok,
      certificateUntilMs: () => daemon?.certificate.untilMs() ?? null,
      tools,
      isSupervised: isSupervised(),
      pids,
      beside: () => daemon?.beside() ?? { router: null, troubles: [] },
      ...(backups ? { backups } : {}),
      onState: (state, isReplayed) => {
        backups?.follow(state, isReplayed);
        daemon?.router?.look();
        daemon?.routerAccess?.look();
      },
      logger,
      onFatal: (error) => void daemon?.fail(error),
    });
    daemon = new Daemon(options, { reaper, database, coordinator, caller, backups });
    await daemon.open();
    return daemon;
  }

  /** Ends the daemon. `leave` keeps PostgreSQL running under its reaper, for the next daemon within the lease. */
  async end(postgres: PostgresEnd, why: string): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    this.options.logger.info({ postgres, why }, 'ending');
    let code = 0;
    try {
      await withDeadline('the shutdown', shutdownDeadlineMs, () => this.close(postgres));
    } catch (error) {
      code = 1;
      this.options.logger.error({ error: messageOf(error) }, 'the shutdown was not clean');
    }
    this.options.onEnd(code, why);
  }

  private async open(): Promise<void> {
    const { config, tls, logger } = this.options;
    const { reaper, coordinator } = this.parts;
    reaper.onExit((exit) => {
      logger.warn({ ...exit }, 'PostgreSQL has ended');
      coordinator.postgresEnded();
    });
    reaper.onClosed((error) => void this.reaperLost(error));
    await coordinator.open();
    const readLogs = (question: LogQuestion) => readLog(this.logFiles[question.source], question);
    const api = await startApi({
      facade: coordinator,
      listenHost: config.listenHost,
      port: config.addresses.api.port,
      socketPath: join(config.runDir, 'daemon.sock'),
      tls,
      logger,
      figures: () => this.figures.figures(),
      ...{ logs: readLogs, metricsTokenFile: config.metricsTokenFile },
      diagnosis: (metrics) => describeHost({ facade: coordinator, config, metrics }),
      onShutdownRequested: (postgres) => void this.end(postgres, 'asked by the API'),
    });
    this.closeApi = () => api.close();
    this.useCertificate = (renewed) => api.useCertificate(renewed);
    this.router = createRouter(this.options, coordinator);
    this.router?.start();
    if (config.kind === 'data') {
      const { port } = config.addresses.postgres ?? { port: 5432 };
      const place = { runDir: join(config.runDir, 'pg'), port };
      this.routerAccess = new RouterAccess({
        self: config.name,
        place,
        logger,
        state: () => coordinator.state(),
      });
      this.routerAccess.look();
    }
    this.figures.start();
    this.statements.start();
    if (config.console) void this.openLink(config.console, readLogs);
    this.hooks = new HookRunner({
      ...{ hooks: config.hooks, logger },
      look: () => coordinator.hookView(),
      onFailure: (message) => coordinator.note(message),
    });
    logger.info({ adopted: reaper.adopted, api: api.port, pid: process.pid }, 'the daemon is up');
    void loadLateModules(logger);
  }

  /** Its libraries are loaded once the lease no longer waits for this process. */
  private async openLink(url: string, logs: (question: LogQuestion) => Promise<LogAnswer>): Promise<void> {
    const { ConsoleLink } = await import('./console-link.ts');
    if (this.isEnding) return;
    const { config, tls, logger } = this.options;
    const facade = this.parts.coordinator;
    this.link = new ConsoleLink({
      ...{ url, tls, logs, logger, facade },
      replication: () => this.replication.look(),
      diagnosis: () => describeHost({ facade, config, metrics: () => facade.metrics() }),
      ...{ figures: () => this.figures.figures(), sessions: this.sessions },
      statements: () => this.statements.told(),
      onPresent: (ask) => void this.certificate.look(ask, Date.now()),
    });
  }

  /** What runs on this host beside PostgreSQL. */
  private beside(): Pick<NodeReport, 'router' | 'troubles'> {
    const troubles = [...(this.router?.troubles() ?? []), ...(this.hooks?.troubles() ?? [])];
    return { router: this.router?.report() ?? null, troubles };
  }

  private async applyCertificate(tls: Tls): Promise<void> {
    const { coordinator, caller, database, backups } = this.parts;
    this.useCertificate(tls);
    caller.useCertificate(tls);
    coordinator.useCertificate(tls);
    if (this.options.config.kind === 'data' && (await isOwnServer(this.options.config)))
      await database.refreshCertificates();
    await backups?.way.useCertificate();
    this.router?.useCertificate(tls);
    this.link?.showCertificate();
  }

  private async close(postgres: PostgresEnd): Promise<void> {
    const { coordinator, database, reaper, caller } = this.parts;
    this.figures.stop();
    this.statements.stop();
    await this.logs.close();
    this.hooks?.close();
    this.link?.close();
    this.routerAccess?.stop();
    await (postgres === 'leave' ? this.router?.leave() : this.router?.stop(routerDrainMs));
    await coordinator.shutdown({ postgres });
    await this.closeApi();
    caller.close();
    await database.close();
    if (postgres === 'stop') {
      await reaper.disarm();
      await reaper.shutdown();
    }
    reaper.close();
  }

  /** Raft or an invariant failed: no lease is renewed any more, and PostgreSQL does not outlive it as primary. */
  private async fail(error: Error): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    const { hint } = error as { hint?: string };
    this.options.logger.error(
      { error: error.message, hint, stack: error.stack },
      'fatal: PostgreSQL is fenced',
    );
    // A server that is not ours yet is not ours to kill.
    const fence = (await isOwnServer(this.options.config))
      ? this.parts.reaper.kill(`fatal: ${error.message}`)
      : Promise.resolve();
    await fence.catch((failure: unknown) => {
      this.options.logger.error({ error: messageOf(failure) }, 'the reaper could not be told to kill');
    });
    this.options.onEnd(1, 'fatal error');
  }

  /** PostgreSQL dies with its reaper; what is left of it is cleared away, and a new daemon starts from nothing. */
  private async reaperLost(error: Error | null): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    const { config, logger } = this.options;
    if (error instanceof QuantaError && error.code === 'REFUSED') {
      // The reaper lives and serves a newer daemon: PostgreSQL is that one's business now.
      this.options.onEnd(1, 'another daemon has taken over');
      return;
    }
    logger.error({ error: error?.message }, 'the reaper is gone');
    try {
      if (!(await isOwnServer(config))) return this.options.onEnd(1, 'the reaper is gone');
      const { killed } = await killOrphans(orphanSearch(config));
      logger.warn({ killed }, 'its orphans are killed');
    } catch (failure) {
      logger.error({ error: messageOf(failure) }, 'its orphans could not all be killed');
    }
    this.options.onEnd(1, 'the reaper is gone');
  }
}

function orphanSearch(config: HostConfig) {
  return { mark: markOf(config), dataDir: config.dataDir, timeoutMs: orphansDeadlineMs };
}

/** Names every process of this host's PostgreSQL, also after a re-parenting. */
function markOf(config: HostConfig): string {
  return `${config.name}:${config.dataDir}`;
}

async function connectReaper({ config, logger }: DaemonOptions, killAheadMs: number): Promise<ReaperClient> {
  const reaper = await ReaperClient.connectOrSpawn({
    socketPath: join(config.runDir, 'reaper.sock'),
    mark: markOf(config),
    dataDir: config.dataDir,
    logFile: join(config.stateDir, 'reaper.log'),
    killAheadMs,
    logger,
  });
  if (reaper.adopted) return reaper;
  if (!(await isOwnServer(config))) return reaper;
  // A new reaper has no postmaster: whatever still runs here belonged to one that was killed.
  const { killed } = await killOrphans(orphanSearch(config));
  if (killed.length > 0) logger.warn({ killed }, 'processes of a dead reaper were killed');
  return reaper;
}

function createRouter(options: DaemonOptions, coordinator: Coordinator): RouterHost | null {
  const { config, tls, logger, configFile } = options;
  if (!config.router) return null;
  return new RouterHost({
    ...{ config, router: config.router, tls, logger },
    readConfig: () => loadHostConfig(configFile),
    socketDirectory: join(config.runDir, 'pg'),
    state: () => coordinator.state(),
    status: () => coordinator.clusterStatus(),
    provenEpoch: (deadlineMs) => coordinator.provenEpoch(deadlineMs),
  });
}

function placeOf(config: HostConfig, osUser: OsUser | null): NodePlace {
  return {
    nodeName: config.name,
    clusterName: 'quantadb',
    binDir: config.binDir,
    dataDir: config.dataDir,
    stateDir: config.stateDir,
    runDir: join(config.runDir, 'pg'),
    port: config.addresses.postgres?.port ?? 5432,
    listenHost: config.listenHost,
    tls: config.tls,
    osUser,
  };
}
