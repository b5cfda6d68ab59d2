import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
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
});
