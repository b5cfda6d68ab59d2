import { rm } from 'node:fs/promises';
import { type BackupConfig, backupImpactSchema, type RepositoryTest } from '../contract/backup.ts';
import { backupProgram, furtherConfigOf } from '../postgres/archive-wrapper.ts';
import { filesOf, type NodePlace, superuserRole } from '../postgres/layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import { systemNewId } from '../shared/random.ts';
import type { BackupWay } from './backup-way.ts';
import type { BackupEngine, EnginePlace } from './engine.ts';
import {
  type ConfiguredServer,
  type RemoteServer,
  renderConfiguration,
} from './engines/pgbackrest/configuration.ts';
import { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { type ProbeAnswer, probeRepository } from './engines/pgbackrest/probe.ts';
import type { JobOrder, SourceServer } from './job-order.ts';

export interface NodeEnginesOptions {
  place: NodePlace;
  holdsData: boolean;
  way: BackupWay;
  /** What is agreed on; null: nothing. */
  config(): BackupConfig | null;
}

/** The backup program as this host uses it: for its archive, and for one piece of work at a time. */
export class NodeEngines {
  private readonly options: NodeEnginesOptions;

  constructor(options: NodeEnginesOptions) {
    this.options = options;
  }

  /** By the configuration that the archive command goes by. */
  ofArchive(stanza: string, number = 1): BackupEngine {
    const { place } = this.options;
    const file = number === 1 ? filesOf(place).repositoryConfig : furtherConfigOf(place, number);
    return this.engineWith(file, stanza);
  }

  /** The text of that configuration. */
  archiveConfiguration(config: BackupConfig): string {
    return this.render(config, this.own());
  }

  /** With the primary beside this node when its own files are to be read, or with those of other hosts that the order names. */
  async ofWork(config: BackupConfig, order: Pick<JobOrder, 'primary' | 'servers'>): Promise<BackupEngine> {
    const beside = order.primary ? [{ ...order.primary, remote: null }] : [];
    const servers = order.servers ? this.remote(config, order.servers) : [...this.own(), ...beside];
    return this.write('job', config, servers);
  }

  /** By a configuration that is not agreed on yet. */
  ofCandidate(config: BackupConfig, servers: readonly SourceServer[]): Promise<BackupEngine> {
    return this.write('candidate', config, servers.length > 0 ? this.remote(config, servers) : this.own());
  }

  /** Whether a file can be written, read and deleted in a repository that is only thought of; nothing of it stays here. */
  async tryRepository(stanza: string, { repository, secrets }: RepositoryTest): Promise<ProbeAnswer> {
    if (repository.type === 'host')
      return {
        ok: false,
        detail:
          'A repository on a host is tried when it is set: every node reads through it before anything is agreed on.',
        hint: 'Set it: nothing changes when a node cannot reach it.',
      };
    const impact = backupImpactSchema.parse({});
    const given = { stanza, secrets, impact, repository: { ...repository, encrypted: false } };
    const file = await this.writeFile(`test-${systemNewId()}`, this.textOf(given, this.own(), null));
    // Nobody has agreed on these secrets yet.
    return probeRepository(this.programWith(file, stanza)).finally(() => rm(file));
  }

  private async write(
    name: string,
    config: BackupConfig,
    servers: ConfiguredServer[],
  ): Promise<BackupEngine> {
    return this.engineWith(await this.writeFile(name, this.render(config, servers)), config.stanza);
  }

  private async writeFile(name: string, text: string): Promise<string> {
    const { place } = this.options;
    const { backupWorkDir } = filesOf(place);
    await ensureOwnedDirectory(backupWorkDir, { osUser: place.osUser, mode: 0o700 });
    const file = `${backupWorkDir}/${name}.conf`;
    await writeOwnedFile(file, text, { osUser: place.osUser, mode: 0o600 });
    return file;
  }

  private own(): ConfiguredServer[] {
    const { place, holdsData } = this.options;
    if (!holdsData) return [];
    return [{ dataDir: place.dataDir, port: place.port, socketDir: place.runDir, remote: null }];
  }

  private remote(config: BackupConfig, servers: readonly SourceServer[]): ConfiguredServer[] {
    return servers.map(({ node, server }) => ({
      ...server,
      remote: this.options.way.dataHost(config, node),
    }));
  }

  private render(config: BackupConfig, servers: ConfiguredServer[]): string {
    return this.textOf(config, servers, this.options.way.repositoryHost(config));
  }

  private textOf(
    { stanza, repository, secrets, impact }: Rendered,
    servers: ConfiguredServer[],
    repositoryHost: RemoteServer | null,
  ): string {
    const workDir = filesOf(this.options.place).backupWorkDir;
    const where = { repository, repositoryHost, secrets };
    return renderConfiguration({ stanza, ...where, impact, workDir, servers, databaseRole: superuserRole });
  }

  private engineWith(configFile: string, stanza: string): BackupEngine {
    const impact = this.options.config()?.impact;
    return new PgBackRestEngine({
      ...this.programWith(configFile, stanza),
      ...(impact ? { manners: { nice: impact.nice ?? 10, ioPriority: impact.ioPriority ?? 7 } } : {}),
    });
  }

  private programWith(configFile: string, stanza: string): EnginePlace {
    const { place } = this.options;
    const workDir = filesOf(place).backupWorkDir;
    return { program: backupProgram, configFile, workDir, stanza, osUser: place.osUser };
  }
}

type Rendered = Pick<BackupConfig, 'stanza' | 'repository' | 'secrets' | 'impact'>;
