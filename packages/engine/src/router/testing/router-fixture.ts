import { readFileSync } from 'node:fs';
import pg from 'pg';
import { type RouterSettings, routerSettingsOf } from '../../contract/router-settings.ts';
import { createApplication } from '../../postgres/application-role.ts';
import { sql, TestCluster, type TestNode } from '../../postgres/testing/test-cluster.ts';
import { silentLogger } from '../../shared/logger.ts';
import { QueryRouter, type QueryRouterOptions } from '../query-router.ts';
import type { RouterTopology } from '../topology.ts';

export const application = { role: 'app', database: 'app', password: 'secret' };

/** A real primary with an application's role and database, and routers in front of it. */
export class RouterFixture {
  readonly cluster: TestCluster;
  readonly primary: TestNode;
  private readonly routers: QueryRouter[] = [];
  private readonly clients: pg.Client[] = [];

  private constructor(cluster: TestCluster, primary: TestNode) {
    this.cluster = cluster;
    this.primary = primary;
  }

  static async create(): Promise<RouterFixture> {
    const cluster = await TestCluster.create();
    const primary = await cluster.primary('node-1');
    await createApplication(primary.place, application);
    await sql(primary, 'GRANT SELECT ON pg_catalog.pg_authid TO quantadb_replication');
    return new RouterFixture(cluster, primary);
  }

  topology(changes: Partial<RouterTopology> = {}, nodes: TestNode[] = [this.primary]): RouterTopology {
    return {
      ...{
        cluster: 'demo',
        epoch: 1,
        revision: 1,
        timeline: 2,
        primary: this.primary.place.nodeName,
        follows: null,
        drain: null,
        hba: [],
        timelines: [],
      },
      nodes: nodes.map(({ place }) => ({
        ...{ name: place.nodeName, host: '127.0.0.1', port: place.port, socketDirectory: place.runDir },
        ...{ isReadable: place !== this.primary.place, lagBytes: 0, lagMs: 0, weight: 1 },
      })),
      ...changes,
    };
  }

  async router(
    settings: Partial<RouterSettings> = {},
    options: Partial<QueryRouterOptions> = {},
  ): Promise<{ router: QueryRouter; port: number }> {
    const router = new QueryRouter({
      listen: { host: '127.0.0.1', port: 0 },
      settings: routerSettingsOf(settings),
      tls: this.tls(),
      logger: silentLogger,
      ...options,
    });
    this.routers.push(router);
    router.useTopology(this.topology());
    return { router, port: await router.start() };
  }

  tls(): { ca: string; cert: string; key: string } {
    const read = (path: string) => readFileSync(path, 'utf8');
    const { ca, cert, key } = this.primary.place.tls;
    return { ca: read(ca), cert: read(cert), key: read(key) };
  }

  async connect(port: number, options: pg.ClientConfig = {}): Promise<pg.Client> {
    const { role, database, password } = application;
    const client = new pg.Client({ host: '127.0.0.1', port, user: role, database, password, ...options });
    client.on('error', () => undefined);
    this.clients.push(client);
    await client.connect();
    return client;
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end().catch(() => undefined)));
    await Promise.all(this.routers.map((router) => router.stop(0)));
    await this.cluster.cleanUp();
  }
}

/** Of the first row. */
export async function firstValue(client: pg.Client, text: string): Promise<unknown> {
  const { rows } = await client.query({ text, rowMode: 'array' });
  return rows[0]?.[0];
}
