import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { bind, execute, parse, sync } from './protocol/build.ts';
import { RawClient } from './testing/raw-client.ts';
import { application, firstValue, RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

describe('what a session sets', () => {
  it.each([
    ['by a quoted function', 'a.b', [`SELECT "set_config"('a.b', 'mine', false)`]],
    ['by a name in Unicode escapes', 'a.c', [`SELECT U&"set\\005fconfig"('a.c', 'mine', false)`]],
    ['under a name that is no plain ASCII', 'a.größe', ["SET a.größe = 'mine'"]],
    [
      'through the view of settings',
      'work_mem',
      ["UPDATE pg_settings SET setting = 77 WHERE name = 'work_mem'"],
    ],
    ['in a transaction that another one follows', 'a.d', ['BEGIN', "SET a.d = 'mine'", 'COMMIT AND CHAIN']],
  ])('%s is nobody else’s (I-ROUTER-4)', async (_, name, texts) => {
    const { port } = await fixture.router({ poolSize: 1 });
    const one = await fixture.connect(port);
    const ask = `SELECT current_setting('${name}', true)`;
    const before = (await firstValue(one, ask)) || null;
    for (const text of texts) await one.query(text);
    expect(await firstValue(one, ask)).not.toBe(before);
    await one.end();
    const two = await fixture.connect(port);
    expect((await firstValue(two, ask)) || null).toBe(before);
  });
});

describe('a statement that several sessions have prepared', () => {
  const at = (name: string) => ({
    name,
    text: `SELECT extract(epoch FROM timestamptz '2024-01-01') / 3600 - 473352 AS "${name}"`,
  });
  const hours = async (client: pg.Client, name: string) => {
    const { rows } = await client.query(at(name));
    return Number(rows[0]?.[name]);
  };
  const login = (port: number, zone: string) => fixture.connect(port, { options: `-c TimeZone=${zone}` });

  it('reads its constants as each of them would alone (I-ROUTER-4)', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const [utc, tokyo, other] = [
      await login(port, 'UTC'),
      await login(port, 'Asia/Tokyo'),
      await login(port, 'UTC'),
    ];
    expect([await hours(utc, 'a'), await hours(tokyo, 'a')]).toEqual([0, -9]);
    const { preparesSaved } = router.counters;
    expect(await hours(other, 'a')).toBe(0);
    expect(router.counters.preparesSaved).toBeGreaterThan(preparesSaved);
    // What is set for a transaction.
    await utc.query('BEGIN');
    await utc.query("SET LOCAL TimeZone = 'Asia/Tokyo'");
    expect(await hours(utc, 'b')).toBe(-9);
    await utc.query('COMMIT');
    expect(await hours(other, 'b')).toBe(0);
    // Told to another server after its session has changed what it was prepared under.
    await hours(utc, 'c');
    await utc.query("SET TimeZone = 'Asia/Tokyo'");
    await sql(
      fixture.primary,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
    );
    await hours(utc, 'c');
    expect(await hours(other, 'c')).toBe(0);
    expect(await hours(tokyo, 'c')).toBe(-9);
  });

  it('has to itself what it prepares behind a setting that is not answered yet (I-ROUTER-4)', async () => {
    const { port } = await fixture.router({ poolSize: 1 });
    const raw = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
      ['TimeZone', 'UTC'],
    ]);
    const set = [parse('', "SET LOCAL TimeZone = 'Asia/Tokyo'"), bind('', '', []), execute('')];
    raw.send(Buffer.concat([...set, parse('d', at('d').text), bind('', 'd', []), execute(''), sync]));
    const answers = await raw.ready();
    expect(answers.filter(({ type }) => type === 'D').map(({ body }) => body.toString('latin1', 6))).toEqual([
      expect.stringMatching(/^-9/),
    ]);
    expect(await hours(await login(port, 'UTC'), 'd')).toBe(0);
  });

  it('is not shared when it says "today"', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const today = { name: 'today', text: "SELECT date 'today' AS day" };
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query(today);
    const { preparesSaved } = router.counters;
    await two.query(today);
    expect(router.counters.preparesSaved).toBe(preparesSaved);
  });
});

describe('a transaction that was lost with its server', () => {
  const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'";
  const told = (attempt: Promise<unknown>) =>
    attempt.then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );

  it.each([
    ['a Query', (client: pg.Client, text: string) => client.query(text)],
    ['a statement', (client: pg.Client, text: string) => client.query({ text, name: text })],
  ])('is not followed by statements that stand alone after AND CHAIN (%s)', async (_, ask) => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port);
    await client.query('DROP TABLE IF EXISTS alone');
    await client.query('CREATE TABLE alone (a int)');
    await client.query('BEGIN');
    await client.query('SELECT 1');
    await sql(fixture.primary, end);
    const isLost = async () => (await told(client.query('SELECT 1'))) === '40001' || undefined;
    await pollUntil(isLost, { what: 'the loss is told', timeoutMs: 5000, intervalMs: 10 });
    expect(await ask(client, 'ROLLBACK AND CHAIN')).toMatchObject({ command: 'ROLLBACK' });
    expect(await told(ask(client, 'INSERT INTO alone VALUES (1)'))).toBe('40001');
    expect(await told(ask(client, 'INSERT INTO alone VALUES (1)'))).toBe('25P02');
    await ask(client, 'ROLLBACK');
    expect(await firstValue(client, 'SELECT count(*)::int FROM alone')).toBe(0);
  });
});
