import type { BackupConfig } from '../contract/backup.ts';
import { backupProgram } from '../postgres/archive-wrapper.ts';
import { filesOf, type NodePlace, superuserRole } from '../postgres/layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import type { BackupWay } from './backup-way.ts';
import type { BackupEngine } from './engine.ts';
import { type ConfiguredServer, renderConfiguration } from './engines/pgbackrest/configuration.ts';
import { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
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
  ofArchive(stanza: string): BackupEngine {
    return this.engineWith(filesOf(this.options.place).repositoryConfig, stanza);
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

  private async write(
    name: string,
    config: BackupConfig,
    servers: ConfiguredServer[],
  ): Promise<BackupEngine> {
    const { place } = this.options;
    const { backupWorkDir } = filesOf(place);
    await ensureOwnedDirectory(backupWorkDir, { osUser: place.osUser, mode: 0o700 });
    const file = `${backupWorkDir}/${name}.conf`;
    await writeOwnedFile(file, this.render(config, servers), { osUser: place.osUser, mode: 0o600 });
    return this.engineWith(file, config.stanza);
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
    const { stanza, repository, secrets, impact } = config;
    const workDir = filesOf(this.options.place).backupWorkDir;
    const repositoryHost = this.options.way.repositoryHost(config);
    const where = { repository, repositoryHost, secrets };
    return renderConfiguration({ stanza, ...where, impact, workDir, servers, databaseRole: superuserRole });
  }

  private engineWith(configFile: string, stanza: string): BackupEngine {
    const { place } = this.options;
    const workDir = filesOf(place).backupWorkDir;
    const impact = this.options.config()?.impact;
    return new PgBackRestEngine({
      ...{ program: backupProgram, configFile, workDir, stanza, osUser: place.osUser },
      ...(impact ? { manners: { nice: impact.nice ?? 10, ioPriority: impact.ioPriority ?? 7 } } : {}),
    });
  }
}
