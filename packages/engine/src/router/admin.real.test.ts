import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  await sql(fixture.primary, "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'secret'");
  await sql(fixture.primary, "CREATE ROLE looker LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
});
afterAll(() => fixture?.cleanUp());

describe('the router’s own database', () => {
  const admin = (port: number, user: string) => fixture.connect(port, { user, database: 'quantadb' });

  it('shows pools, clients, servers, numbers and routes to those who may see them', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port, { application_name: 'watched' });
    await client.query('LISTEN a');
    const looker = await admin(port, 'looker');
    const show = async (what: string) => (await looker.query(`SHOW ${what}`)).rows;
    expect(await show('POOLS')).toMatchObject([
      { database: 'app', user: 'app', server: 'node-1', active: '1' },
    ]);
    expect(await show('CLIENTS')).toMatchObject([
      { application: 'watched', pinned: 'LISTEN', state: 'idle' },
    ]);
    expect(await show('SERVERS')).toHaveLength(1);
    expect(await show('STATS')).toContainEqual({ name: 'statements', value: '1' });
    expect(await show('ROUTES')).toMatchObject([{ server: 'node-1', role: 'primary', epoch: '1' }]);
    expect((await show('HELP')).length).toBeGreaterThan(5);
    await expect(looker.query('SHOW nonsense')).rejects.toThrow('SHOW HELP');
    await expect(looker.query('PAUSE')).rejects.toThrow('superuser');
    await expect(admin(port, 'app')).rejects.toThrow('pg_monitor');
  });

  it('PAUSE waits for transactions and holds the next ones, RESUME lets them go on', async () => {
    const { port } = await fixture.router();
    const [one, two, boss] = [
      await fixture.connect(port),
      await fixture.connect(port),
      await admin(port, 'boss'),
    ];
    await one.query('BEGIN');
    let isPaused = false;
    const pausing = boss.query('PAUSE app').then(() => {
      isPaused = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isPaused).toBe(false);
    await one.query('COMMIT');
    await pausing;
    let isAnswered = false;
    const waiting = two.query('SELECT 1').then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAnswered).toBe(false);
    await boss.query('RESUME app');
    await waiting;
    const notices: string[] = [];
    boss.on('notice', ({ message = '' }) => notices.push(message));
    await boss.query('PAUSE app');
    expect(notices).toEqual([]);
    await boss.query('PAUSE nosuch');
    expect(notices).toEqual([expect.stringMatching(/no client has used a database "nosuch"/)]);
    await boss.query('RESUME');
    await expect(boss.query('RELOAD')).rejects.toThrow('file');
  });

  it('PAUSE holds reads on standbys, and who keeps its server, pooled by sessions or not', async () => {
    const standby = await fixture.cluster.standby('node-2', fixture.primary);
    const { port, router } = await fixture.router({ queueTimeoutMs: 5000 });
    router.useTopology(fixture.topology({}, [fixture.primary, standby]));
    const [reader, tied, stopped, boss] = [
      await fixture.connect(port, { options: '-c quantadb.split=on -c quantadb.consistency=eventual' }),
      await fixture.connect(port),
      await fixture.connect(port),
      await admin(port, 'boss'),
    ];
    const where = "SELECT current_setting('in_hot_standby') AS standby";
    const isRead = async () => (await reader.query(where)).rows[0].standby === 'on' || undefined;
    await pollUntil(isRead, { what: 'a read goes to the standby', timeoutMs: 5000, intervalMs: 20 });
    for (const client of [tied, stopped]) await client.query('LISTEN a');
    await tied.query('BEGIN');
    const pausing = boss.query('PAUSE app');
    await tied.query('SELECT 1');
    await tied.query('COMMIT');
    await pausing;
    const done: string[] = [];
    const asked = [
      reader.query(where).then(({ rows }) => done.push(rows[0].standby)),
      tied.query('SELECT $1::int', [1]).then(() => done.push('tied')),
      stopped.query('SELECT 1').catch(({ code }: { code: string }) => done.push(code)),
    ];
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(done).toEqual([]);
    [...router.desk.sessions.values()][2]?.cancel();
    await asked[2];
    expect(done).toEqual(['57014']);
    await boss.query('RESUME app');
    await Promise.all(asked);
    expect(done.sort()).toEqual(['57014', 'on', 'tied']);
    await tied.query('SELECT 1');
  });

  it('PAUSE waits for who has got a server and is not asking it yet', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query("SET app.tenant = '1'");
    await two.query("SET app.tenant = '2'");
    const session = [...router.desk.sessions.values()][0];
    const seen: boolean[] = [];
    const look = setInterval(() => session?.server && seen.push(session.isBusy), 0);
    for (let i = 0; i < 50; i++) await Promise.all([one.query('SELECT 1'), two.query('SELECT 1')]);
    clearInterval(look);
    expect(seen.length).toBeGreaterThan(0);
    expect(router.counters.settingsSyncs).toBeGreaterThan(50);
    expect(seen).not.toContain(false);
  });
});
