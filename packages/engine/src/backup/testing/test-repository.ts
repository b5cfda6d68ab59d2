import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupImpact, Repository, RepositorySecrets } from '../../contract/backup.ts';
import { backupImpactSchema, repositorySecretsSchema } from '../../contract/backup.ts';
import { backupProgram, setRepository } from '../../postgres/archive-wrapper.ts';
import { filesOf, superuserRole } from '../../postgres/layout.ts';
import { ensureOwnedDirectory } from '../../postgres/owned-file.ts';
import type { TestCluster, TestNode } from '../../postgres/testing/test-cluster.ts';
import type { EnginePlace } from '../engine.ts';
import {
  type ConfiguredServer,
  type RemoteServer,
  renderConfiguration,
} from '../engines/pgbackrest/configuration.ts';
import { PgBackRestEngine } from '../engines/pgbackrest/pgbackrest-engine.ts';

export const testStanza = 'demo';

/** A repository in a directory of the test, and nodes that archive to it. */
export class TestRepository {
  readonly path: string;
  private readonly cluster: TestCluster;
  private readonly repository: Repository;
  private readonly secrets: RepositorySecrets;
  private readonly impact: BackupImpact;

  private constructor(cluster: TestCluster, repository: Repository, secrets: RepositorySecrets) {
    this.cluster = cluster;
    this.path = repository.path;
    this.repository = repository;
    this.secrets = secrets;
    this.impact = backupImpactSchema.parse({ compression: 'lz4' });
  }

  /** One that is anywhere. */
  static of(cluster: TestCluster, repository: Repository, secrets: RepositorySecrets): TestRepository {
    return new TestRepository(cluster, repository, secrets);
  }

  static async create(
    cluster: TestCluster,
    cipherPass: string | null = null,
    name = 'repository',
  ): Promise<TestRepository> {
    const path = join(cluster.directory, name);
    await mkdir(path, { recursive: true });
    await ensureOwnedDirectory(path, { osUser: cluster.osUser, mode: 0o750 });
    const repository = { type: 'posix', path, encrypted: cipherPass !== null } as const;
    return new TestRepository(cluster, repository, repositorySecretsSchema.parse({ cipherPass }));
  }

  /**
   * Makes the node archive here.
   *
   * @param others further servers that a backup on this node needs: the primary, when this is a standby
   */
  use(node: TestNode, others: TestNode[] = []): Promise<PgBackRestEngine> {
    return this.write(node, [node, ...others], null);
  }

  /** Makes the node archive here by way of the server that gives it out. */
  through(node: TestNode, repositoryHost: RemoteServer): Promise<PgBackRestEngine> {
    return this.write(node, [node], repositoryHost);
  }

  private async write(
    node: TestNode,
    servers: TestNode[],
    repositoryHost: RemoteServer | null,
  ): Promise<PgBackRestEngine> {
    const files = filesOf(node.place);
    const configuration = renderConfiguration({
      stanza: testStanza,
      workDir: files.backupWorkDir,
      repository: this.repository,
      secrets: this.secrets,
      impact: this.impact,
      servers: servers.map(serverOf),
      repositoryHost,
      databaseRole: superuserRole,
    });
    await setRepository(node.place, { configuration, stanza: testStanza });
    return new PgBackRestEngine(this.placeOn(node));
  }

  /** How the program is run on a node that uses this. */
  placeOn(node: TestNode): EnginePlace {
    const { repositoryConfig: configFile, backupWorkDir: workDir } = filesOf(node.place);
    const { osUser } = this.cluster;
    return { program: backupProgram, configFile, workDir, stanza: testStanza, osUser };
  }
}

function serverOf({ place }: TestNode): ConfiguredServer {
  return { dataDir: place.dataDir, port: place.port, socketDir: place.runDir, remote: null };
}
