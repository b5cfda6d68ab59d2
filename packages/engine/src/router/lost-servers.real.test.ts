import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { bind, close, execute, message, parse, query, sync } from './protocol/build.ts';
import { frontend } from './protocol/codes.ts';
import type { QueryRouter } from './query-router.ts';
import { endBackends, slowRead, untilRuns } from './testing/lost-backends.ts';
import { RawClient, textOf } from './testing/raw-client.ts';
import { application, RouterFixture } from './testing/router-fixture.ts';
import { describeStatement } from './testing/transcript-corpus.ts';

let fixture: RouterFixture;
let router: QueryRouter;
let port = 0;
let client: RawClient;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  ({ router, port } = await fixture.router());
  const owner = await fixture.connect(port);
  await owner.query('CREATE TABLE kept (a int)');
  const isKnown = async () => {
    await owner.query('SELECT 1');
    return router.counters.sharedStatements > 0 || undefined;
  };
  await pollUntil(isKnown, { what: 'the catalogue is known', timeoutMs: 10_000, intervalMs: 5 });
});
afterAll(() => fixture?.cleanUp());
beforeEach(async () => {
  client = await login(port);
});

const login = (to: number) =>
  RawClient.login(to, [
    ['user', application.role],
    ['database', application.database],
  ]);
const send = (...messages: Buffer[]) => client.send(Buffer.concat(messages));
const flush = message(frontend.flush, Buffer.alloc(0));
/** The types of what is answered, errors with their code. */
const answers = async (count = 1) =>
  (await client.ready(count))
    .map((each) => (each.type === 'E' ? `(${textOf(each).slice(8, 13)})` : each.type))
    .join('');

describe('when what was asked is asked again', () => {
  it.each([1, 3, 8, 12])('the next message, of which %s bytes have come, stays what it is', async (bytes) => {
    const next = query("SELECT 'next'");
    const { retried } = router.counters;
    send(query(slowRead), next.subarray(0, bytes));
    await untilRuns(fixture.primary, 'pg_class a, pg_class b');
    await endBackends(fixture.primary, "query LIKE '%pg_class a%'");
    await pollUntil(async () => router.counters.retried > retried || undefined, {
      ...{ what: 'it is asked again', timeoutMs: 5000, intervalMs: 1 },
    });
    send(next.subarray(bytes));
    const heard = (await client.ready(2)).map(textOf);
    expect(heard.map((text) => text[0]).join('')).toBe('TDCZTDCZ');
    expect(heard[5]).toMatch(/next$/);
  });

  it('the wish for an answer before the Sync is, too', async () => {
    const owner = await fixture.connect(port);
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE kept');
    send(parse('', 'SELECT a FROM kept'), describeStatement(''), flush);
    const waits = "wait_event_type = 'Lock' AND usename = 'app'";
    const waiting = async () =>
      (await sql(fixture.primary, `SELECT 1 FROM pg_stat_activity WHERE ${waits}`)).length > 0 || undefined;
    await pollUntil(waiting, { what: 'it waits', timeoutMs: 5000, intervalMs: 10 });
    await endBackends(fixture.primary, waits);
    await owner.query('COMMIT');
    expect((await client.until(({ type }) => type === 'T')).map(({ type }) => type).join('')).toBe('1tT');
    send(bind('', '', []), execute(''), sync);
    expect(await answers()).toBe('2CZ');
  });
});

describe('a session that is tied to a server', () => {
  const ties = ['LISTEN news', 'CREATE TEMP TABLE mine (a int)', 'SELECT pg_advisory_lock(7)'];
  it.each([...ties.map((text) => [text]), ['session pooling']])(
    'ends with it, whatever it was asking (%s)',
    async (tie) => {
      if (tie === 'session pooling')
        client = await login((await fixture.router({ pooling: 'session' })).port);
      else send(query(tie));
      if (tie !== 'session pooling') await client.ready();
      send(query(slowRead));
      await untilRuns(fixture.primary, 'pg_class a, pg_class b');
      await endBackends(fixture.primary, "query LIKE '%pg_class a%'");
      const heard = (await client.until(() => false)).map(textOf);
      expect(heard).toEqual([expect.stringMatching(/^E FATAL 57P01 the server this session was tied to/)]);
      expect(client.isClosed).toBe(true);
    },
  );
});

describe('a transaction that was lost', () => {
  /** It has written, and nothing of it is under way. */
  const lose = async () => {
    send(query('BEGIN'), query('INSERT INTO kept VALUES (1)'));
    await client.ready(2);
    const { serversLost } = router.counters;
    await endBackends(fixture.primary, "state = 'idle in transaction' AND usename = 'app'");
    const noticed = async () => router.counters.serversLost > serversLost || undefined;
    await pollUntil(noticed, { what: 'the router has noticed', timeoutMs: 2000, intervalMs: 5 });
  };
  const run = (name: string) => [bind('', name, []), execute(''), sync];

  it('ends with a ROLLBACK or a COMMIT that was prepared before', async () => {
    send(parse('r', 'ROLLBACK'), parse('c', 'COMMIT'), parse('s', 'SELECT 1'), sync);
    await client.ready();
    await lose();
    send(...run('s'), ...run('r'), ...run('s'));
    expect(await answers(3)).toBe('(40001)Z2CZ2DCZ');
    await lose();
    send(...run('c'), ...run('s'));
    expect(await answers(2)).toBe('2(40001)Z2DCZ');
    await lose();
    send(query('SELECT 1'), ...run('s'), ...run('c'));
    expect(await answers(3)).toBe('(40001)Z(25P02)Z2CZ');
    send(query('SELECT count(*) FROM kept'));
    expect((await client.ready()).map(textOf)[1]).toMatch(/0$/);
  });

  it('ends with one that is prepared then, which is there in later ones', async () => {
    await lose();
    send(query('SELECT 1'), parse('later', 'ROLLBACK'), sync);
    expect(await answers(2)).toBe('(40001)Z1Z');
    send(parse('later', 'ROLLBACK'), sync, ...run('later'));
    expect(await answers(2)).toBe('(42P05)Z2CZ');
    send(query('BEGIN'), ...run('later'));
    expect(await answers(2)).toBe('CZ2CZ');
    await lose();
    send(query('SELECT 1'), close('S', 'later'), sync, ...run('later'), query('ROLLBACK'));
    expect(await answers(4)).toBe('(40001)Z3Z(25P02)ZCZ');
  });

  it('has prepared nothing that was not answered', async () => {
    send(query('BEGIN'));
    await client.ready();
    send(parse('mine', 'SELECT pg_sleep(20)'), ...run('mine'));
    await untilRuns(fixture.primary, 'pg_sleep(20)');
    await endBackends(fixture.primary, "query LIKE '%pg_sleep(20)%'");
    expect(await answers()).toBe('(40001)Z');
    send(query('ROLLBACK'), parse('mine', 'SELECT 1'), ...run('mine'));
    expect(await answers(2)).toBe('CZ12DCZ');
  });
});
