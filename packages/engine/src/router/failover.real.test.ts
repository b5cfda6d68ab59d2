import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFreshConnection } from '../postgres/connection.ts';
import { pollUntil } from '../shared/deadline.ts';
import { bind, execute, message, parse, query, sync } from './protocol/build.ts';
import { frontend } from './protocol/codes.ts';
import type { QueryRouter } from './query-router.ts';
import * as lost from './testing/lost-backends.ts';
import { RawClient } from './testing/raw-client.ts';
import { application, RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  const owner = await fixture.connect((await fixture.router()).port);
  await owner.query('CREATE TABLE written (a int)');
});
afterAll(() => fixture?.cleanUp());

const endBackends = (condition: string) => lost.endBackends(fixture.primary, condition);
const untilRuns = (text: string) => lost.untilRuns(fixture.primary, text);
const { slowRead } = lost;

const told = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'no code',
  );

describe('when a server is lost', () => {
  it('idle sessions notice nothing', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port);
    await client.query('SET work_mem = 77777');
    // It waits until the router knows what has been set.
    await client.query('SELECT 1');
    await endBackends('true');
    const { rows } = await client.query('SHOW work_mem');
    expect(rows[0].work_mem).toBe('77777kB');
  });

  it('I-ROUTER-4: a change of settings that only the lost server knew of ends the session, as without a router', async () => {
    const { port } = await fixture.router();
    const client = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    const asks = `SELECT current_setting('work_mem'), (${slowRead})`;
    client.send(Buffer.concat([query('SET work_mem = 77777'), query(asks)]));
    await untilRuns('pg_class a, pg_class b');
    await endBackends("query LIKE '%pg_class a%'");
    const answers = await client.until(({ type }) => type === 'E');
    expect(answers.map(({ type }) => type).join('')).toBe('CZE');
    expect(answers.at(-1)?.body.toString()).toContain('57P01');
  });

  it('a read of which nothing was forwarded is asked again', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port);
    for (const ask of [() => client.query(slowRead), () => client.query(`${slowRead} AND $1`, [true])]) {
      const answer = ask();
      await untilRuns('pg_class a, pg_class b');
      await endBackends("query LIKE '%pg_class a%'");
      expect(Number((await answer).rows[0].count)).toBeGreaterThan(1000);
    }
    expect(router.counters.retried).toBe(2);
  });

  it('a transaction ends with 40001, and fails until its end', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port);
    await client.query('BEGIN');
    await client.query('INSERT INTO written VALUES (1)');
    await endBackends("state = 'idle in transaction'");
    await pollUntil(async () => ((await told(client.query('SELECT 1'))) === '40001' ? true : undefined), {
      what: 'the loss is told',
      timeoutMs: 2000,
      intervalMs: 10,
    });
    expect(await told(client.query('SELECT 1'))).toBe('25P02');
    expect(await told(client.query('SELECT $1::int', [1]))).toBe('25P02');
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
    const { rows } = await client.query('SELECT count(*)::int AS count FROM written WHERE a = 1');
    expect(rows[0].count).toBe(0);
  });

  it('a COMMIT of what is lost never looks as if it had taken effect (I-ROUTER-1)', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port);
    const commits = [() => client.query('COMMIT'), () => client.query({ text: 'COMMIT', name: 'end' })];
    for (const commit of commits) {
      await client.query('BEGIN');
      await client.query('INSERT INTO written VALUES (4)');
      await endBackends("state = 'idle in transaction'");
      // As soon as the router has noticed; before that the COMMIT is on its way, and its end unknown.
      expect(['40001', '08007']).toContain(await told(commit()));
      expect(
        (await client.query('SELECT count(*)::int AS count FROM written WHERE a = 4')).rows[0].count,
      ).toBe(0);
    }
  });

  it('a statement in a transaction ends with 40001', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port);
    await client.query('BEGIN');
    const attempt = told(client.query('SELECT pg_sleep(20)'));
    await untilRuns('pg_sleep(20)');
    await endBackends("query LIKE '%pg_sleep(20)%'");
    expect(await attempt).toBe('40001');
    expect(await told(client.query('SELECT 1'))).toBe('25P02');
    await client.query('ROLLBACK');
    expect(await told(client.query('SELECT 1'))).toBe('done');
  });

  it('a write that stands alone is never asked again: 08007 (I-ROUTER-1)', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port);
    const attempt = told(client.query('INSERT INTO written SELECT 2 FROM pg_sleep(20)'));
    await untilRuns('INSERT INTO written SELECT 2');
    await endBackends("query LIKE 'INSERT INTO written SELECT 2%'");
    expect(await attempt).toBe('08007');
    expect(await told(client.query('SELECT 1'))).toBe('done');
    expect(router.counters.unresolved).toBe(1);
  });

  const insert = (value: number) =>
    Buffer.concat([parse('', `INSERT INTO written VALUES (${value})`), bind('', '', []), execute('')]);
  /** Loses the server of a client that has been answered, and has not sent its Sync. */
  const loseUnsynced = async (sent: Buffer, answered: string, count = 1) => {
    const { port, router } = await fixture.router();
    const client = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    client.send(Buffer.concat([sent, message(frontend.flush, Buffer.alloc(0))]));
    await client.until(({ type }) => type === answered, count);
    await endBackends("usename = 'app'");
    const noticed = async () => (router.counters.serversLost > 0 ? true : undefined);
    await pollUntil(noticed, { what: 'the router has noticed', timeoutMs: 2000, intervalMs: 5 });
    return client;
  };
  const answersOf = async (client: RawClient) =>
    (await client.ready()).map(({ type, body }) => type + (/C(\w{5})\0M/.exec(body.toString())?.[1] ?? ''));

  it.each([
    ['a Sync never looks as if it had committed what is lost', insert(5), 1, '40001'],
    [
      'not even behind a COMMIT',
      Buffer.concat([query('BEGIN'), insert(6), parse('', 'COMMIT'), bind('', '', []), execute('')]),
      3,
      '08007',
    ],
  ])('%s (I-ROUTER-1)', async (_, sent, count, code) => {
    const client = await loseUnsynced(sent, 'C', count);
    client.send(sync);
    expect(await answersOf(client)).toEqual([`E${code}`, 'Z']);
    client.send(query('SELECT 1'));
    expect(await answersOf(client)).toEqual(['T', 'D', 'C', 'Z']);
  });

  it('what comes after an error is ignored up to its Sync, on the next server too (I-ROUTER-1)', async () => {
    const client = await loseUnsynced(parse('', 'SELECT nothing FROM nowhere'), 'E');
    client.send(Buffer.concat([insert(7), sync]));
    expect(await answersOf(client)).toEqual(['Z']);
    client.send(query('SELECT 1 FROM written WHERE a = 7'));
    expect(await answersOf(client)).toEqual(['T', 'C', 'Z']);
  });

  it('a session that was tied to it is told so, and that a write may have taken effect', async () => {
    const { port } = await fixture.router();
    const [idle, writing] = [await fixture.connect(port), await fixture.connect(port)];
    for (const client of [idle, writing]) await client.query('CREATE TEMP TABLE mine AS SELECT 1');
    const attempt = told(writing.query('INSERT INTO written SELECT 8 FROM mine, pg_sleep(20)'));
    await untilRuns('pg_sleep(20)');
    await endBackends("query LIKE '%mine%'");
    expect(await attempt).toBe('08007');
    expect(await told(idle.query('SELECT 1'))).not.toBe('done');
  });
});

describe('while there is no primary', () => {
  const hold = (router: QueryRouter) => router.useTopology(fixture.topology({ primary: null }));
  const untilWaiting = (router: QueryRouter) => {
    const isWaiting = async () => router.groups.list().some((group) => group.waitingCount > 0) || undefined;
    return pollUntil(isWaiting, { what: 'somebody waits', timeoutMs: 5000, intervalMs: 5 });
  };

  it('statements and logins wait, in order, and go on with the next epoch (I-ROUTER-2)', async () => {
    const { port, router } = await fixture.router({ poolSize: 1 });
    const clients = await Promise.all([1, 2, 3].map(() => fixture.connect(port)));
    hold(router);
    const order: number[] = [];
    const answers = clients.map((client, index) => client.query('SELECT 1').then(() => order.push(index)));
    const newcomer = fixture.connect(port, { application_name: 'late' });
    const noticed = new Promise((resolve) => clients[1]?.on('notice', resolve));
    expect(await noticed).toMatchObject({
      message: expect.stringMatching(/waits for the primary: .* no primary/),
    });
    expect(order).toEqual([]);
    router.useTopology(fixture.topology({ epoch: 2 }));
    await Promise.all([...answers, newcomer]);
    expect(order).toEqual([0, 1, 2]);
  });

  it('a transaction under way goes on while no other may begin', async () => {
    const { port, router } = await fixture.router();
    const [one, two] = [await fixture.connect(port), await fixture.connect(port)];
    await one.query('BEGIN');
    router.useTopology(fixture.topology({ drain: 'a switchover is under way' }));
    await one.query('INSERT INTO written VALUES (3)');
    let isAnswered = false;
    const waiting = two.query('SELECT 1').then(() => {
      isAnswered = true;
    });
    await one.query('COMMIT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAnswered).toBe(false);
    router.useTopology(fixture.topology());
    await waiting;
  });

  it('a router that ends keeps nobody waiting, and lets transactions go on', async () => {
    const { port, router } = await fixture.router();
    const [busy, waiting] = [await fixture.connect(port), await fixture.connect(port)];
    await busy.query('BEGIN');
    hold(router);
    const answer = told(waiting.query('SELECT 1'));
    await untilWaiting(router);
    const stopped = router.stop(60_000);
    expect(await answer).toBe('57P01');
    expect(await told(busy.query('INSERT INTO written VALUES (4); COMMIT'))).toBe('done');
    await stopped;
  });

  it('a router that ends serves those whose turn comes soon', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port);
    hold(router);
    const answer = told(client.query('SELECT 1'));
    await untilWaiting(router);
    const stopped = router.stop(60_000);
    router.useTopology(fixture.topology({ epoch: 2 }));
    expect(await answer).toBe('done');
    await stopped;
  });

  it('an older epoch is not believed', async () => {
    const { port, router } = await fixture.router();
    router.useTopology(fixture.topology({ epoch: 5 }));
    router.useTopology(fixture.topology({ epoch: 4, primary: null }));
    const client = await fixture.connect(port);
    expect(await told(client.query('SELECT 1'))).toBe('done');
  });
});

describe('a COMMIT whose answer is lost', () => {
  const knowing = { options: '-c quantadb.outcome=on' };
  const begin = async (client: pg.Client, value: number) => {
    await client.query('BEGIN');
    await client.query('INSERT INTO written VALUES ($1)', [value]);
  };
  const inApplication = (text: string) =>
    withFreshConnection(
      fixture.primary.place,
      { what: text, timeoutMs: 5000, database: application.database },
      (owner) => owner.query(text),
    );
  const rowsOf = async (value: number) =>
    (await inApplication(`SELECT 1 FROM written WHERE a = ${value}`)).rows.length;
  const commits = (client: pg.Client) => [
    () => client.query('COMMIT'),
    () => client.query({ text: 'COMMIT', values: [], queryMode: 'extended' } as pg.QueryConfig),
    () => client.query({ text: 'COMMIT', name: 'end' }),
  ];
  const untilWaits = () =>
    pollUntil(
      async () => {
        const waiting = await inApplication("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        return waiting.rows.length > 0 ? true : undefined;
      },
      { what: 'a commit waits', timeoutMs: 5000, intervalMs: 10 },
    );
  let move = 0;
  /** Whom a commit waits for. */
  const synchronous = async (...standbys: string[]) => {
    move++;
    const applied = await fixture.primary.supervisor.applySynchronous({
      set: { standbys, count: standbys.length },
      mode: standbys.length > 0 ? 'quorum' : 'async',
      mark: { clusterId: 'c1', move },
    });
    expect(applied).toMatchObject({ ok: true });
  };

  it('is answered like any other when it has taken effect, and not before that is safe (I-ROUTER-12)', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port, knowing);
    for (const [index, commit] of commits(client).entries()) {
      await begin(client, 100 + index);
      await synchronous('node-9');
      const answer = told(commit());
      await untilRuns('COMMIT');
      await endBackends("wait_event = 'SyncRep'");
      // It is committed, and visible, but no standby has it: the client hears nothing yet.
      let isTold = false;
      void answer.then(() => {
        isTold = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(isTold).toBe(false);
      await synchronous();
      expect(await answer).toBe('done');
      expect(await rowsOf(100 + index)).toBe(1);
      expect(await told(client.query('SELECT 1'))).toBe('done');
    }
    expect(router.counters).toMatchObject({ resolved: 3, unresolved: 0 });
  });

  it('ends with 40001 when it has not, and the session goes on (I-ROUTER-12)', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port, knowing);
    await client.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$`);
    await client.query(`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.a >= 200) EXECUTE FUNCTION slow()`);
    for (const [index, commit] of commits(client).entries()) {
      await begin(client, 200 + index);
      const answer = told(commit());
      await untilRuns('COMMIT');
      await endBackends("query = 'COMMIT'");
      expect(await answer).toBe('40001');
      expect(await rowsOf(200 + index)).toBe(0);
      expect(await told(client.query('SELECT 1'))).toBe('done');
    }
    expect(router.counters).toMatchObject({ resolved: 3, unresolved: 0 });
    await client.query('DROP TRIGGER slow ON written');
  });

  it('is told as unknown when its wait for standbys was cancelled, which a client cannot do (I-ROUTER-15)', async () => {
    const { port, router } = await fixture.router();
    const client = await fixture.connect(port);
    const writes = [
      ...commits(client),
      () => client.query('INSERT INTO written VALUES (250)'),
      () => client.query('INSERT INTO written VALUES ($1) RETURNING a', [250]),
    ];
    for (const [index, write] of writes.entries()) {
      const isAlone = index >= 3;
      if (!isAlone) await begin(client, 250);
      await synchronous('node-9');
      const answer = told(write());
      await untilWaits();
      for (const session of router.desk.sessions.values()) session.cancel();
      if (!isAlone) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await inApplication(
          "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        );
      }
      expect(await answer).toBe('08007');
      await synchronous();
      expect(await told(client.query('SELECT 1'))).toBe('done');
    }
    expect(router.counters).toMatchObject({ unresolved: 5, cancels: 2 });
  });

  it('is told as unknown by the deadline when nobody can say', async () => {
    const { port, router } = await fixture.router({ queueTimeoutMs: 500 });
    const client = await fixture.connect(port, knowing);
    await begin(client, 300);
    await synchronous('node-9');
    const answer = told(client.query('COMMIT'));
    await untilRuns('COMMIT');
    router.useTopology(fixture.topology({ epoch: 2, primary: null }));
    await endBackends("wait_event = 'SyncRep'");
    expect(await answer).toBe('08007');
    await synchronous();
  });

  it('fails like a statement when the question before it fails, and has not taken effect', async () => {
    const { port } = await fixture.router();
    const client = await fixture.connect(port, knowing);
    const question = 'pg_logical_emit_message(boolean, text, text)';
    await inApplication(`REVOKE EXECUTE ON FUNCTION ${question} FROM PUBLIC`);
    for (const [index, commit] of commits(client).entries()) {
      await begin(client, 400 + index);
      expect(await told(commit())).toBe('42501');
      expect(await told(client.query('SELECT 1'))).toBe('done');
      expect(await rowsOf(400 + index)).toBe(0);
    }
    await inApplication(`GRANT EXECUTE ON FUNCTION ${question} TO PUBLIC`);
    await begin(client, 410);
    expect(await told(client.query('COMMIT'))).toBe('done');
    // What only reads has nothing that could be lost.
    await client.query('BEGIN');
    expect(await told(client.query('END'))).toBe('done');
  });
});
