import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import {
  type OwnRouterSettings,
  type RouterSettings,
  routerSettingsOf,
} from '@quantadb/engine/contract/router-settings';
import { type ClusterStatus, successorName } from '@quantadb/engine/contract/status';
import { timingOf } from '@quantadb/engine/failover/timing';
import { topologyOf } from '@quantadb/engine/router/topology-of';
import { RouterCrew } from '@quantadb/engine/router/worker/router-crew';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Tls } from './certificate-keeper.ts';
import type { HostConfig } from './host-config.ts';
import { ownLogFile } from './own-log.ts';
import { routerBuild } from './router-build.ts';

export interface RouterHostOptions {
  config: HostConfig;
  router: NonNullable<HostConfig['router']>;
  tls: Tls;
  logger: Logger;
  /** Reads the host's file again; null when nobody knows where it is. */
  readConfig: (() => Promise<HostConfig>) | null;
  /** Where PostgreSQL's unix socket is on this host. */
  socketDirectory: string;
  state(): ClusterState | null;
  status(): Promise<ClusterStatus | null>;
  /** Of the cluster, proven by a majority; null: by none. @throws NOT_FOUND when the leader is of an older release */
  provenEpoch(deadlineMs: number): Promise<number | null>;
}

const statusMs = 1_000;
/** What was seen longer ago than this says nothing of how far standbys lag. */
const seenMaxMs = 5_000;
const proofDeadlineMs = 1_500;
/** A moment more than the lease lasts: by then another node takes over, and whoever waits is better off there. */
const afterLeaseMs = 5_000;

/** The router of this host, and what keeps it told. It runs while the host is a member of a cluster. */
export class RouterHost {
  private readonly options: RouterHostOptions;
  private readonly crew: RouterCrew;
  private nodes: Parameters<typeof topologyOf>[0]['nodes'] = new Map();
  /** Of this host alone; they stand whatever the cluster agrees on. */
  private own: OwnRouterSettings;
  private sent = '';
  private sentSettings = '';
  private seenRevision = -1;
  private isStarted = false;
  private isEnding = false;
  private seenAtMs = performance.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(options: RouterHostOptions) {
    this.options = options;
    const { config, router, tls, logger } = options;
    this.own = router.settings;
    this.crew = new RouterCrew({
      workers: router.workers,
      successorWaitMs: timingOf(config.timing).restartLeaseMs + afterLeaseMs,
      ...{ tls, logger, name: config.name, logLevel: config.logLevel },
      logFile: ownLogFile(config.stateDir),
      program: programFile,
      mark: config.runDir,
      doors: join(config.runDir, 'routers'),
      build: () => routerBuild(programFile).catch(() => `unreadable ${randomUUID()}`),
      listen: { host: router.listenHost ?? config.listenHost, port: router.port },
      settings: routerSettingsOf(router.settings),
      onReload: () => void this.reload(),
      askEpoch: () => this.askEpoch(),
    });
  }

  start(): void {
    this.look();
    const again = () => {
      this.look();
      void this.observe();
    };
    this.timer = setInterval(again, statusMs);
  }

  useCertificate(tls: Tls): void {
    this.crew.useCertificate(tls);
  }

  get pids(): number[] {
    return this.crew.pids;
  }

  report(): NodeReport['router'] {
    const { report } = this.crew;
    const { config, router } = this.options;
    if (!report) return null;
    const { clients, busy, waiting, isDraining, servers, counters } = report;
    const settings = this.settingsNow(this.options.state());
    const host = config.addresses.postgres?.host ?? config.addresses.api.host;
    return {
      address: { host, port: router.port },
      clients,
      busy,
      waiting,
      isDraining,
      servers,
      counters,
      settings,
    };
  }

  /** While no client can come in, and while the former router serves them because this daemon's is not ready. */
  troubles(): NodeReport['troubles'] {
    const { trouble, heldUp } = this.crew;
    if (trouble) return [{ kind: 'router', name: '', ...trouble }];
    return heldUp ? [{ kind: 'router', name: successorName, ...heldUp }] : [];
  }

  /** Answers when the port is free; transactions have until the deadline, also when this process has ended before. */
  async stop(drainMs: number): Promise<void> {
    clearInterval(this.timer);
    this.isEnding = true;
    await this.crew.stop(drainMs, 'closed');
  }

  /** The next daemon of this host goes on with the router. Answers when its processes know that. */
  async leave(): Promise<void> {
    clearInterval(this.timer);
    this.isEnding = true;
    await this.crew.leave();
  }

  private askEpoch(): Promise<number | null | 'unsupported'> {
    return this.options.provenEpoch(proofDeadlineMs).catch((error: unknown) => {
      if (error instanceof QuantaError && error.code === 'NOT_FOUND') return 'unsupported';
      throw error;
    });
  }

  /** Only the settings: another port takes a restart of the daemon. */
  private async reload(): Promise<void> {
    const { readConfig, logger } = this.options;
    try {
      const read = await readConfig?.();
      if (!read?.router) return;
      this.own = read.router.settings;
      this.useSettings(this.options.state());
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the settings of the router stay as they were');
    }
  }

  /** Whenever the cluster agrees on something. */
  look(): void {
    if (this.isEnding) return;
    const state = this.options.state();
    // A cluster that follows another one has no reign, and serves reads.
    if (!state || (state.reign.epoch === 0 && !state.source)) {
      // The host has left its cluster: what its router knows is not true any more.
      if (!state && this.isStarted) this.pause();
      return;
    }
    if (!this.isStarted) {
      this.isStarted = true;
      this.crew
        .start()
        .catch((error: unknown) =>
          this.options.logger.error({ error: messageOf(error) }, 'the router was not started'),
        );
    }
    if (state.revision !== this.seenRevision) {
      this.seenRevision = state.revision;
      this.useSettings(state);
      this.tell(state);
    }
  }

  private pause(): void {
    this.isStarted = false;
    this.sent = '';
    this.seenRevision = -1;
    void this.crew.stop(0);
  }

  private settingsNow(state: ClusterState | null): RouterSettings {
    return routerSettingsOf(state?.router, this.own);
  }

  private useSettings(state: ClusterState | null): void {
    const settings = this.settingsNow(state);
    const text = JSON.stringify(settings);
    if (text === this.sentSettings) return;
    const isFirst = this.sentSettings === '';
    this.sentSettings = text;
    this.crew.useSettings(settings);
    if (!isFirst) this.options.logger.info({}, 'the router has new settings');
  }

  private tell(state: ClusterState, isSeenAnew = false): void {
    const { config, socketDirectory } = this.options;
    const topology = topologyOf({ state, nodes: this.nodes, self: config.name, socketDirectory });
    const text = JSON.stringify(topology);
    // Told again although it has not changed: that it is still true is news as well.
    if (text === this.sent && !isSeenAnew) return;
    this.sent = text;
    this.crew.useTopology(topology);
  }

  /** Lag and health are observed, not agreed on. */
  private async observe(): Promise<void> {
    const { logger, status, state } = this.options;
    const seen = await status().catch((error: unknown) => {
      logger.debug({ error: messageOf(error) }, 'the router learns nothing of the nodes');
      return null;
    });
    const agreed = state();
    if (!agreed || this.isEnding) return;
    if (seen) {
      this.seenAtMs = performance.now();
      this.nodes = new Map(seen.nodes.map((node) => [node.name, node]));
    } else if (performance.now() - this.seenAtMs > seenMaxMs) this.nodes = new Map();
    this.tell(agreed, seen !== null);
  }
}

/** Run from its sources (in tests) this is TypeScript, but the worker itself is always the compiled program. */
const programFile = fileURLToPath(
  new URL('./router-worker.js', import.meta.url.replace('/src/router-host.ts', '/dist/router-host.js')),
);
