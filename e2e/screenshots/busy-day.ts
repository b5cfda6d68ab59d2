import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Browser, expect } from '@playwright/test';
import pg from 'pg';
import type { LocalSystem } from '../tests/local-system.ts';
import { useSecondFactor } from '../tests/second-factor.ts';

/** Brings a system into the states that people meet: nothing is made up, everything is done to it. */

const password = 'a password for tests';

/** Statements of an application, through a router, until it is ended; and one session that another one waits for. */
export class Application {
  private readonly clients: pg.Client[] = [];
  private pool: pg.Pool | null = null;
  private isEnded = false;

  static async start(system: LocalSystem): Promise<Application> {
    const application = new Application();
    await system.sql('CREATE TABLE IF NOT EXISTS load (n int, filler text)');
    await system.sql(
      'CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, customer int, at timestamptz)',
    );
    await system.sql("INSERT INTO load SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n");
    const [cluster] = (await system.status()).clusters;
    const pool = new pg.Pool({ connectionString: cluster?.connect ?? '', application_name: 'shop', max: 2 });
    pool.on('error', () => undefined);
    application.pool = pool;
    void application.work(pool);
    return application;
  }

  /** Somebody began to change a table and went for lunch. */
  async blockSomebody(system: LocalSystem): Promise<void> {
    const { postgres } = await system.primary();
    const [holder, waiter] = [await this.connect(postgres), await this.connect(postgres)];
    await holder.query('BEGIN; LOCK TABLE orders');
    waiter.query('SELECT count(*) FROM orders').catch(() => undefined);
  }

  async end(): Promise<void> {
    this.isEnded = true;
    await Promise.allSettled([this.pool?.end(), ...this.clients.map((client) => client.end())]);
  }

  private async connect(connectionString: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString, application_name: 'shop' });
    client.on('error', () => undefined);
    await client.connect();
    this.clients.push(client);
    return client;
  }

  private async work(pool: pg.Pool): Promise<void> {
    const statements = [
      'INSERT INTO orders (customer, at) VALUES (floor(random() * 1000), now())',
      'SELECT * FROM orders WHERE customer = 7 ORDER BY at DESC LIMIT 10',
      'SELECT count(*), max(length(filler)) FROM load WHERE n % 7 = 3',
      'UPDATE orders SET at = now() WHERE id = 1',
    ];
    while (!this.isEnded) {
      for (const sql of statements) await pool.query(sql).catch(() => undefined);
      await delay(50);
    }
  }
}

/** People with roles, one of them with a second factor; tokens, one of which is revoked. */
export async function hirePeople(browser: Browser, system: LocalSystem, clusterId: string): Promise<void> {
  await useSecondFactor(browser, system);
  const person = (name: string, role: string, clusterRoles: object[] = []) =>
    system.api('POST', '/people', {
      ...{ name, email: `${name.split(' ')[0]?.toLowerCase()}@example.com`, password, role, clusterRoles },
    });
  await person('Grace Hopper', 'operator');
  await person('Margaret Hamilton', 'admin');
  await person('Edgar Frank Codd, on call for the databases of the shop', 'none', [
    { clusterId, role: 'operator' },
  ]);
  await system.api('POST', '/tokens', { name: 'grafana', role: 'viewer', lifetimeDays: null });
  await system.api('POST', '/tokens', {
    name: 'terraform',
    role: 'none',
    clusterRoles: [{ clusterId, role: 'admin' }],
  });
  const { id } = (await system.api('POST', '/tokens', { name: 'old script', role: 'operator' })) as {
    id: string;
  };
  await system.api('DELETE', `/tokens/${id}`);
  await system.api('POST', '/hosts/enrolment-tokens', {});
}

/** Channels, one of which leads nowhere; whom what goes to; a silence; rules whose limits are crossed. */
export class Warnings {
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async raise(system: LocalSystem, clusterId: string): Promise<Warnings> {
    const server = createServer((_request, response) => response.writeHead(204).end());
    server.listen(0, '127.0.0.1');
    await expect.poll(() => server.listening).toBe(true);
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const channel = async (name: string, config: object) =>
      (await system.api('POST', '/alerts/channels', { name, isOn: true, config })) as { id: string };
    const [chat, pager] = [
      await channel('chat of the database team', { kind: 'webhook', url: `http://127.0.0.1:${port}/hook` }),
      await channel('pager', {
        kind: 'webhook',
        url: 'http://127.0.0.1:9/',
        secret: 'a secret of this hook',
      }),
    ];
    const mail = { host: 'mail.example.com', port: 587, security: 'starttls', from: 'db@example.com' };
    await channel('mail', { ...mail, kind: 'email', to: ['dba@example.com', 'on-call@example.com'] });
    await system.api('POST', `/alerts/channels/${chat.id}/test`, {});
    await system.api('POST', `/alerts/channels/${pager.id}/test`, {});
    const never = { escalateMinutes: null, escalateChannelIds: [] };
    const urgent = { name: 'wake somebody', severities: ['critical'], clusterIds: [clusterId] };
    const escalated = { channelIds: [chat.id], escalateMinutes: 15, escalateChannelIds: [pager.id] };
    const every = ['critical', 'warning', 'info'];
    const rest = {
      name: 'everything else',
      severities: every,
      clusterIds: [],
      channelIds: [chat.id],
      ...never,
    };
    await system.api('POST', '/alerts/routes', { routes: [{ ...urgent, ...escalated }], rest });
    const set = (rule: string, limits: object, cluster: string | null = null) =>
      system.api('POST', `/alerts/rules/${rule}`, { cluster, settings: { forSeconds: 0, limits } });
    await set('memory-low', { available: 95 });
    await set('disk-nearly-full', { used: 1, critical: 99 });
    await set('long-transaction', { minutes: 1 });
    await set('connections-used-up', { used: 1 }, clusterId);
    const endsAt = new Date(Date.now() + 7_200_000).toISOString();
    const reason = 'the machines get more memory tonight';
    await system.api('POST', '/alerts/silences', { rule: 'memory-low', endsAt, reason });
    return new Warnings(server);
  }

  end(): void {
    this.server.close();
  }
}

/** A primary that dies, a maintenance, something scheduled, backups with schedules: what pages of the past show. */
export async function liveThroughThings(system: LocalSystem): Promise<void> {
  const repository = await system.directoryForPostgres('backups');
  await system.command(['backup', 'configure', '--path', repository, '--yes']);
  await system.command(['backup', 'now', '--yes']);
  await system.command(['backup', 'verify', '--yes']);
  const former = (await system.primary()).name;
  await system.killNode(former);
  await expect
    .poll(async () => (await system.status()).clusters[0]?.primary, { timeout: 30_000 })
    .not.toBe(former);
  await expect.poll(async () => (await system.node(former)).state, { timeout: 90_000 }).toBe('streaming');
  const standby = (await system.nodes()).findLast(({ role }) => role === 'standby')?.name ?? '';
  const at = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16);
  await system.command(['node', 'restart', standby, '--at', at, '--reason', 'at night', '--yes']);
  await system.command(['maintenance', 'on', standby, '--reason', 'a new disk', '--yes']);
}
