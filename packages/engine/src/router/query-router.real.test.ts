import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFreshConnection } from '../postgres/connection.ts';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { query } from './protocol/build.ts';
import { buildCancelRequest, buildStartup } from './protocol/startup.ts';
import { RawClient } from './testing/raw-client.ts';
import { application, RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );
const firstValue = async (client: pg.Client, text: string) => {
  const { rows } = await client.query({ text, rowMode: 'array' });
  return rows[0]?.[0];
};
const backendOf = (client: pg.Client) => firstValue(client, 'SELECT pg_backend_pid()');

describe('logging in', () => {
  it('takes the password of the role, and nothing else', async () => {
    const { port } = await fixture.router();
    expect(await firstValue(await fixture.connect(port), 'SELECT current_user')).toBe('app');
    expect(await codeOf(fixture.connect(port, { password: 'wrong' }))).toBe('28P01');
    expect(await codeOf(fixture.connect(port, { user: 'nobody' }))).toBe('28P01');
    expect(await codeOf(fixture.connect(port, { database: 'nothing' }))).toBe('3D000');
    expect(await codeOf(fixture.connect(port, { options: '-c no_such_thing=1' }))).toBe('42704');
    expect(await codeOf(fixture.connect(port, { options: '-c work_mem=nonsense' }))).toBe('22023');
  });

  it('lets into a database who may connect to it, also when others have been let in before', async () => {
    const { port } = await fixture.router();
    await sql(fixture.primary, "CREATE ROLE guest LOGIN PASSWORD 'secret'");
    const guest = () => fixture.connect(port, { user: 'guest' });
    expect(await firstValue(await guest(), 'SELECT 1')).toBe(1);
    await sql(fixture.primary, 'REVOKE CONNECT ON DATABASE app FROM PUBLIC');
    expect(await codeOf(guest())).toBe('28000');
    await sql(fixture.primary, 'GRANT CONNECT ON DATABASE app TO PUBLIC');
    expect(await firstValue(await guest(), 'SELECT 1')).toBe(1);
  });

  it('takes a new password at once, and no longer the old one', async () => {
    const { port } = await fixture.router();
    await sql(fixture.primary, "CREATE ROLE changing LOGIN PASSWORD 'old'");
    const as = (password: string) => fixture.connect(port, { user: 'changing', database: 'app', password });
    await as('old');
    await sql(fixture.primary, "ALTER ROLE changing PASSWORD 'new'");
    expect(await firstValue(await as('new'), 'SELECT 1')).toBe(1);
    expect(await codeOf(as('old'))).toBe('28P01');
  });

  it('speaks TLS', async () => {
    const { port } = await fixture.router();
    const { ca } = fixture.tls();
    const client = await fixture.connect(port, { ssl: { ca } });
    expect(await firstValue(client, "SELECT repeat('x', 300000)")).toHaveLength(300_000);
  });

  it('speaks TLS from the first byte on with those who name the protocol', async () => {
    const { port } = await fixture.router();
    const { connect } = await import('node:tls');
    const { ca } = fixture.tls();
    const first = (ALPNProtocols: string[]) =>
      new Promise<string>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols });
        socket.once('secureConnect', () => socket.write(buildStartup([['user', application.role]])));
        socket.once('data', (bytes) => {
          resolve(bytes.toString('latin1', 0, 1));
          socket.destroy();
        });
        socket.once('error', () => resolve('refused'));
        socket.once('close', () => resolve('refused'));
      });
    expect(await first(['postgresql'])).toBe('R');
    expect(await first([])).toBe('refused');
  });

  it('gives what the client asked for in its first packet', async () => {
    const { port } = await fixture.router({ poolSize: 1 });
    const one = await fixture.connect(port, { options: '-c search_path=pg_catalog -c work_mem=7MB' });
    const two = await fixture.connect(port, { application_name: 'two' });
    expect(await firstValue(one, 'SHOW work_mem')).toBe('7MB');
    expect(await firstValue(two, 'SHOW work_mem')).toBe('4MB');
    expect(await firstValue(two, 'SHOW application_name')).toBe('two');
    expect(await firstValue(one, 'SHOW search_path')).toBe('pg_catalog');
  });
});

describe('transaction pooling', () => {
  it('I-SYNC-10: who logs in after ALTER ROLE … SET gets what it says', async () => {
    const { port } = await fixture.router({ poolSize: 1 });
    const before = await fixture.connect(port);
    const usual = await firstValue(before, 'SHOW synchronous_commit');
    const pid = await backendOf(before);
    await before.query(`ALTER ROLE ${application.role} SET synchronous_commit = 'remote_apply'`);
    expect(await backendOf(before)).toBe(pid);
    const after = await fixture.connect(port);
    expect(await firstValue(after, 'SHOW synchronous_commit')).toBe('remote_apply');
    await after.query(`ALTER ROLE ${application.role} RESET synchronous_commit`);
    const later = await fixture.connect(port);
    expect(await firstValue(later, 'SHOW synchronous_commit')).toBe(usual);
  });

  it('serves many clients over few connections, in the order they came', async () => {
    const { port, router } = await fixture.router({ poolSize: 2 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => fixture.connect(port)));
    const order: number[] = [];
    const answers: Promise<unknown>[] = [];
    const inHand = () =>
      router.groups.list().reduce((sum, group) => sum + group.waitingCount + group.busyOn('node-1'), 0);
    for (const [index, client] of clients.entries()) {
      answers.push(client.query(`SELECT ${index}, pg_sleep(0.2)`).then(() => order.push(index)));
      // One after the other: which of several sockets is read first is the system's choice.
      const isThere = async () => (inHand() >= Math.min(index + 1, 20 - order.length) ? true : undefined);
      await pollUntil(isThere, { what: 'it has come', timeoutMs: 5000, intervalMs: 1 });
    }
    await Promise.all(answers);
    // Two at a time: nobody is overtaken by more than one place.
    expect(order.every((index, place) => Math.abs(index - place) <= 2)).toBe(true);
    expect(router.counters.serversOpened).toBe(2);
  });

  it('keeps one server for one transaction', async () => {
    const { port } = await fixture.router({ poolSize: 3 });
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query('BEGIN');
    const backend = await backendOf(one);
    for (let i = 0; i < 5; i++) expect(await backendOf(two)).not.toBe(backend);
    expect(await backendOf(one)).toBe(backend);
    await one.query('COMMIT');
  });

  it('tells who waits too long, and lets it go on', async () => {
    const { port } = await fixture.router({ poolSize: 1, queueTimeoutMs: 200 });
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query('BEGIN');
    expect(await codeOf(two.query('SELECT 1'))).toBe('57P03');
    expect(await codeOf(two.query('SELECT $1::int', [1]))).toBe('57P03');
    await one.query('COMMIT');
    expect(await firstValue(two, 'SELECT 2')).toBe(2);
  });

  it('loses no place to a connection that dies while the catalogue is read on it', async () => {
    const { router, port } = await fixture.router({ poolSize: 1, queueTimeoutMs: 3000 });
    const { database } = application;
    const lock = { what: 'holding up the catalogue', timeoutMs: 20_000, database };
    await withFreshConnection(fixture.primary.place, lock, async (boss) => {
      await boss.query('BEGIN; LOCK TABLE pg_catalog.pg_rewrite IN ACCESS EXCLUSIVE MODE');
      const connecting = fixture.connect(port);
      const endWhoWaits = async () => {
        const waiting = "FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'";
        const ended = await sql(fixture.primary, `SELECT pg_terminate_backend(pid) ${waiting}`);
        return ended.length > 0 || undefined;
      };
      await pollUntil(endWhoWaits, { what: 'it waits for the catalogue', timeoutMs: 5000, intervalMs: 20 });
      await boss.query('ROLLBACK');
      expect(await firstValue(await connecting, 'SELECT 1')).toBe(1);
    });
    expect(router.groups.list().map(({ poolList }) => poolList.map(({ openCount }) => openCount))).toEqual([
      [1],
    ]);
  });

  it('ends the transaction of a client that goes away', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const one = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    one.send(query('BEGIN'));
    await one.ready();
    one.send(query('CREATE TABLE never (a int)'));
    await one.ready();
    one.destroy();
    const two = await fixture.connect(port);
    expect(await firstValue(two, "SELECT to_regclass('never')")).toBeNull();
    expect(router.counters.serversOpened).toBe(1);
  });

  it('carries prepared statements from server to server', async () => {
    const { port, router } = await fixture.router({ poolSize: 3 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => fixture.connect(port)));
    const run = async (client: pg.Client, index: number) => {
      for (let round = 0; round < 30; round++) {
        const { rows } = await client.query({
          name: `statement-${round % 4}`,
          text: `SELECT $1::int * ${(round % 4) + 1} AS product`,
          values: [index],
        });
        expect(rows[0].product).toBe(index * ((round % 4) + 1));
      }
    };
    await Promise.all(clients.map(run));
    expect(router.counters.serversOpened).toBe(3);
    const { preparesSaved } = router.counters;
    // There are three servers: one after the other, the fourth client at the latest meets one that has it from somebody else.
    for (const client of await Promise.all(Array.from({ length: 4 }, () => fixture.connect(port))))
      await run(client, 1);
    expect(router.counters.preparesSaved).toBeGreaterThan(preparesSaved);
    expect(router.counters.serversOpened).toBe(3);
  });
});

describe('the state of a session', () => {
  it('follows it from server to server, and to nobody else (I-ROUTER-4)', async () => {
    const { port } = await fixture.router({ poolSize: 2 });
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query("SET search_path = 'pg_catalog'");
    await one.query("SET app.tenant = '7'");
    const told: (string | undefined)[] = [];
    one.on('notice', ({ message }) => told.push(message));
    await one.query("SET quantadb.consistency = 'strong'");
    expect(told).toEqual([expect.stringMatching(/^SET of quantadb[.]consistency changes nothing/)]);
    await one.query('BEGIN');
    await one.query("SET work_mem = '9MB'");
    await one.query('ROLLBACK');
    await two.query('BEGIN');
    const holder = await backendOf(two);
    for (let i = 0; i < 4; i++) {
      expect(await firstValue(one, 'SHOW search_path')).toBe('pg_catalog');
      expect(await firstValue(one, "SELECT current_setting('app.tenant')")).toBe('7');
      expect(await firstValue(one, 'SHOW work_mem')).toBe('4MB');
    }
    await two.query('COMMIT');
    await one.query('BEGIN');
    expect(await firstValue(two, 'SHOW search_path')).toBe('"$user", public');
    expect(await firstValue(two, "SELECT current_setting('app.tenant', true)")).not.toBe('7');
    expect(await firstValue(one, 'SHOW search_path')).toBe('pg_catalog');
    await one.query('COMMIT');
    expect(holder).toBeGreaterThan(0);
  });

  it('that cannot follow ties it to its server, for a reason that is shown', async () => {
    const { port, router } = await fixture.router({ poolSize: 4 });
    const reasons: [string, string][] = [
      ['LISTEN news', 'LISTEN'],
      ['CREATE TEMP TABLE mine (a int)', 'temporary table'],
      ['SELECT pg_advisory_lock(1)', 'session advisory lock'],
    ];
    for (const [text, reason] of reasons) {
      const client = await fixture.connect(port, { application_name: reason });
      await client.query(text);
      const session = [...router.desk.sessions.values()].find((each) => each.applicationName === reason);
      expect(session?.pin).toBe(reason);
      const backend = await backendOf(client);
      for (let i = 0; i < 3; i++) expect(await backendOf(client)).toBe(backend);
      await client.query('DISCARD ALL');
      expect(session?.pin).toBeNull();
      await client.end();
    }
  });

  it('of any length harms nobody, and what is too long to follow it stays where it is (I-ROUTER-4)', async () => {
    const { port, router } = await fixture.router({ poolSize: 2 });
    const long = 'x'.repeat(70_000);
    const other = await fixture.connect(port);
    const ways = [
      `SET app.long = '${long}'`,
      "SELECT set_config('app.long', repeat('x', 70000), false)",
      `BEGIN; SET app.short = 'y'; SET app.long = '${long}'; COMMIT`,
    ];
    for (const text of ways) {
      const client = await fixture.connect(port, { application_name: 'long', options: '-c app.first=z' });
      await client.query(text);
      for (let i = 0; i < 3; i++) {
        expect(await firstValue(client, "SELECT current_setting('app.long')")).toBe(long);
        expect(await firstValue(other, "SELECT current_setting('app.long', true)")).not.toBe(long);
      }
      const session = [...router.desk.sessions.values()].find((each) => each.applicationName === 'long');
      expect(session?.pin).toBe('a setting too long to be carried');
      await client.query('DISCARD ALL');
      expect(session?.pin).toBeNull();
      expect(await firstValue(client, "SELECT current_setting('app.first')")).toBe('z');
      await client.end();
    }
    const client = await fixture.connect(port, { options: '-c app.first=z' });
    const both = client.query(`BEGIN; RESET app.first; SET app.long = '${long}'; COMMIT; SELECT 1`);
    // What it would go on with is not what its client asked for at its start.
    await both.catch(() => undefined);
    expect(await codeOf(client.query('SELECT 1'))).not.toBe('none');
    expect(await firstValue(other, 'SELECT 1')).toBe(1);
  });

  it('brings notifications to whoever listens', async () => {
    const { port } = await fixture.router();
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query('LISTEN news');
    const heard = new Promise((resolve) => one.once('notification', (note) => resolve(note.payload)));
    await two.query("NOTIFY news, 'hello'");
    expect(await heard).toBe('hello');
  });

  it('of a client that goes away is gone for the next one', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const one = await fixture.connect(port);
    await one.query('CREATE TEMP TABLE mine (a int)');
    await one.query("SET work_mem = '9MB'");
    await one.end();
    const two = await fixture.connect(port);
    expect(await firstValue(two, 'SHOW work_mem')).toBe('4MB');
    expect(await firstValue(two, "SELECT to_regclass('mine')")).toBeNull();
    expect(router.counters.serversOpened).toBe(1);
  });

  it('stays whole in session pooling', async () => {
    const { port } = await fixture.router({ pooling: 'session', poolSize: 3 });
    const one = await fixture.connect(port);
    const backend = await backendOf(one);
    await one.query('PREPARE x AS SELECT 5');
    const two = await fixture.connect(port);
    expect(await backendOf(two)).not.toBe(backend);
    expect(await firstValue(one, 'EXECUTE x')).toBe(5);
    expect(await backendOf(one)).toBe(backend);
  });
});

describe('cancelling', () => {
  const login = (port: number) =>
    RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
  const cancel = async (port: number, client: RawClient, secret = client.secret) => {
    const request = buildCancelRequest(client.processId, secret);
    const { connect } = await import('node:net');
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.end(request);
    await new Promise((resolve) => socket.once('close', resolve));
  };

  it('stops the statement of that client, and of no other (I-ROUTER-5)', async () => {
    const { port } = await fixture.router({ poolSize: 2 });
    const [one, two] = [await login(port), await login(port)];
    one.send(query('SELECT pg_sleep(10)'));
    two.send(query('SELECT pg_sleep(0.4)'));
    await pollUntil(
      async () => {
        const rows = await sql(
          fixture.primary,
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'",
        );
        return rows.length === 2 ? true : undefined;
      },
      { what: 'both sleep', timeoutMs: 5000, intervalMs: 20 },
    );
    await cancel(port, one, Buffer.alloc(4, 1));
    await cancel(port, one);
    const answers = await one.ready();
    expect(answers.some(({ type, body }) => type === 'E' && body.includes('57014'))).toBe(true);
    expect((await two.ready()).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
  });

  it('of a client that has nothing running hits nobody', async () => {
    const { port } = await fixture.router({ poolSize: 1 });
    const [one, two] = [await login(port), await login(port)];
    one.send(query('SELECT 1'));
    await one.ready();
    two.send(query('SELECT pg_sleep(0.3)'));
    await cancel(port, one);
    expect((await two.ready()).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
  });

  it('ends the wait for a server', async () => {
    const { port } = await fixture.router({ poolSize: 1 });
    const [one, two] = [await login(port), await login(port)];
    one.send(query('BEGIN'));
    await one.ready();
    two.send(query('SELECT 1'));
    await cancel(port, two);
    expect((await two.ready()).map(({ type }) => type)).toEqual(['E', 'Z']);
    two.send(query('SELECT 1'));
    one.send(query('COMMIT'));
    expect((await two.ready()).map(({ type }) => type)).toEqual(['T', 'D', 'C', 'Z']);
  });
});

describe('servers on other hosts', () => {
  it('are spoken to over TLS, and must be who they are', async () => {
    const { port, router } = await fixture.router();
    const elsewhere = (host: string, epoch: number) => {
      const topology = fixture.topology({ epoch });
      // Not the spelling of an address that needs no encryption; the certificate knows no upper case.
      return { ...topology, nodes: topology.nodes.map((node) => ({ ...node, host, socketDirectory: null })) };
    };
    router.useTopology(elsewhere('LOCALHOST', 2));
    const client = await fixture.connect(port);
    const encrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    expect(await firstValue(client, encrypted)).toBe(true);
  });
});
