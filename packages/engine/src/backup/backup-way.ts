import { createServer } from 'node:net';
import type { BackupConfig } from '../contract/backup.ts';
import type { BackupServerView } from '../contract/backup-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { backupProgram } from '../postgres/archive-wrapper.ts';
import { copyCertificates } from '../postgres/host-certificates.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import type { Cancel, Clock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Refusable } from './backup-host.ts';
import { type RemoteServer, renderServerConfiguration } from './engines/pgbackrest/configuration.ts';
import { listens, TlsServer } from './engines/pgbackrest/tls-server.ts';
import { Guests } from './guests.ts';
import { endpointOf, hostRepositoryOf, type Listening, listeningOf, ownServerOf } from './host-way.ts';
import { configFor, numbersOf } from './repositories.ts';

export interface BackupWayOptions {
  place: NodePlace;
  logger: Logger;
  clock: Clock;
}

/** Long enough for a configuration to be tried and agreed on; what is not agreed on is closed again. */
const offerMs = 5 * 60_000;
const upDeadlineMs = 8_000;
const reachDeadlineMs = 2_000;
/** A server that reads its settings anew takes no connections for a moment, or is started again. */
const reachForMs = 6_000;

/** How this host is reached by the others that take part in backups, and how it reaches them. */
export class BackupWay {
  private readonly options: BackupWayOptions;
  /** By port: more than one only while other settings are tried. */
  private readonly servers = new Map<number, { server: TlsServer; text: string }>();
  private state: ClusterState | null = null;
  /** What is tried before it is agreed on. */
  private offered: BackupConfig | null = null;
  private cancelOffer: Cancel = () => undefined;
  private readonly guests: Guests;
  private working: Promise<void> = Promise.resolve();
  private isEnding = false;

  constructor(options: BackupWayOptions) {
    this.options = options;
    const { place, clock } = options;
    this.guests = new Guests({ place, clock, onChange: () => this.settle() });
  }

  /** A state that is not known yet changes nothing: what runs goes on. */
  follow(state: ClusterState | null): void {
    if (state === null && this.state === null) return;
    this.state = state;
    this.settle();
  }

  /** Serves by a configuration that is to be agreed on, so that it can be tried first. */
  async offer(config: BackupConfig): Promise<Refusable> {
    const repository = hostRepositoryOf(config);
    const own = repository && this.state && ownServerOf(this.state, this.options.place.nodeName, repository);
    if (!own) return { ok: true };
    const nobody = this.whyNobody();
    if (nobody) return { ok: false, reason: nobody };
    const { listenHost } = this.options.place;
    if (!this.servers.has(own.port) && !(await isFree({ host: listenHost, port: own.port })))
      return {
        ok: false,
        reason: `port ${own.port} is used by another program: choose another one with --port`,
      };
    this.offered = config;
    this.cancelOffer();
    this.cancelOffer = this.options.clock.after(offerMs, () => {
      this.offered = null;
      this.settle();
    });
    this.settle();
    await this.working;
    return this.whyDown(own.port);
  }

  /** Of the host that holds the repository: a host of no cluster may read it, as long as a restore may take. */
  async admit(reader: string): Promise<Refusable> {
    await this.guests.admit(reader);
    this.settle();
    await this.working;
    const port = hostRepositoryOf(this.state?.backup?.config)?.port;
    return port === undefined ? { ok: false, reason: 'this host holds no repository' } : this.whyDown(port);
  }

  /** Where the repository of a configuration is reached; null: from here like any directory, or bucket. */
  repositoryHost(config: BackupConfig): RemoteServer | null {
    const repository = hostRepositoryOf(config);
    if (!repository || repository.host === this.options.place.nodeName) return null;
    const member = this.state?.members[repository.host];
    // Without it nothing is reached, and its name says so.
    const endpoint = member && this.state ? endpointOf(this.state, member, repository) : null;
    return this.remote(endpoint ?? { host: repository.host, port: repository.port });
  }

  /**
   * The program itself would go on trying for a minute.
   *
   * @throws QuantaError REFUSED when nobody serves the repository of another host
   */
  async requireReached(config: BackupConfig): Promise<void> {
    const remote = this.repositoryHost(config);
    if (!remote) return;
    const isReached = async () => ((await listens(remote, reachDeadlineMs)) ? true : undefined);
    const limits = { what: 'the repository', timeoutMs: reachForMs, intervalMs: 250 };
    if (await pollUntil(isReached, limits).catch(() => false)) return;
    const holder = hostRepositoryOf(config)?.host;
    throw new QuantaError(
      'REFUSED',
      `${holder} does not serve the repository at ${remote.host}:${remote.port}`,
      {
        hint: `See whether ${holder} runs, and whether its port can be reached from here.`,
      },
    );
  }

  /** Where the data of another node is read; null: on this machine. */
  dataHost(config: BackupConfig, node: string): RemoteServer | null {
    const repository = hostRepositoryOf(config);
    const member = this.state?.members[node];
    if (!repository || !member || !this.state || node === this.options.place.nodeName) return null;
    return this.remote(endpointOf(this.state, member, repository));
  }

  /** Of what is agreed on. */
  async describe(): Promise<BackupServerView | null> {
    const repository = hostRepositoryOf(this.state?.backup?.config);
    const own = repository && this.state && ownServerOf(this.state, this.options.place.nodeName, repository);
    return (own && (await this.servers.get(own.port)?.server.probe())) ?? null;
  }

  /** The host has another certificate: what runs shows it from the next connection on. */
  async useCertificate(): Promise<void> {
    if (this.servers.size === 0) return;
    await copyCertificates(this.options.place);
    for (const { server } of this.servers.values()) server.reload();
  }

  stop(): void {
    this.isEnding = true;
    this.cancelOffer();
    this.guests.stop();
    for (const { server } of this.servers.values()) server.stop();
  }

  /** What others ask of the server it does as its user. */
  private whyNobody(): string | null {
    const isRoot = process.getuid?.() === 0;
    return isRoot && this.options.place.osUser === null
      ? 'there is no user postgres here, and pgbackrest does not serve as root: install the package pgbackrest'
      : null;
  }

  private settle(): void {
    this.working = this.working.then(() =>
      this.serve().catch((error) =>
        this.options.logger.error({ error: messageOf(error) }, 'the backup server could not be set up'),
      ),
    );
  }

  private async serve(): Promise<void> {
    const guests = await this.guests.names();
    const configs = this.configs();
    const { nodeName } = this.options.place;
    const wanted = this.isEnding || !this.state ? [] : listeningOf(this.state, nodeName, { configs, guests });
    const nobody = this.whyNobody();
    if (wanted.length > 0 && nobody) this.options.logger.error({}, nobody);
    const ports = new Set(nobody ? [] : wanted.map(({ port }) => port));
    for (const [port, { server }] of this.servers) {
      if (ports.has(port)) continue;
      server.stop();
      this.servers.delete(port);
    }
    if (!nobody) for (const each of wanted) await this.run(each);
  }

  private async run({ port, stanza, clients, holding }: Listening): Promise<void> {
    const { place, logger, clock } = this.options;
    const { backupWorkDir } = filesOf(place);
    const listen = { host: place.listenHost, port };
    const text = renderServerConfiguration({
      ...{ workDir: backupWorkDir, stanza, listen, clients, ...this.files() },
      repository: holding && { repository: holding.repository, secrets: holding.secrets },
    });
    const known = this.servers.get(port);
    if (text === known?.text) return;
    const configFile = `${backupWorkDir}/server-${port}.conf`;
    await copyCertificates(place);
    await ensureOwnedDirectory(backupWorkDir, { osUser: place.osUser, mode: 0o700 });
    await writeOwnedFile(configFile, text, { osUser: place.osUser, mode: 0o600 });
    const server =
      known?.server ?? new TlsServer({ program: backupProgram, osUser: place.osUser, logger, clock });
    this.servers.set(port, { server, text });
    server.use({ configFile, listen });
  }

  /** What is agreed on, and what was offered until something at least as new is. */
  private configs(): BackupConfig[] {
    const agreed = this.state?.backup?.config ?? null;
    if (this.offered && agreed && agreed.revision >= this.offered.revision) {
      this.cancelOffer();
      this.offered = null;
    }
    const each = agreed ? numbersOf(agreed).map((number) => configFor(agreed, number)) : [];
    return [...each, this.offered].filter((config) => config !== null);
  }

  private async whyDown(port: number): Promise<Refusable> {
    const isUp = async () => {
      const seen = await this.servers.get(port)?.server.probe();
      return seen?.state === 'starting' ? undefined : (seen ?? null);
    };
    const limits = { what: 'the backup server', timeoutMs: upDeadlineMs, intervalMs: 100 };
    const seen = await pollUntil(isUp, limits).catch(() => null);
    if (seen?.state === 'running') return { ok: true };
    return { ok: false, reason: `pgbackrest does not serve here: ${seen?.detail || 'it does not answer'}` };
  }

  private remote(endpoint: { host: string; port: number }): RemoteServer {
    return { ...endpoint, ...this.files() };
  }

  private files() {
    const { tlsDir } = filesOf(this.options.place);
    return { caFile: `${tlsDir}/ca.crt`, certFile: `${tlsDir}/host.crt`, keyFile: `${tlsDir}/host.key` };
  }
}

function isFree(listen: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ ...listen, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
