import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { type Random, seededRandom } from '../shared/random.ts';
import { bind, close, execute, parse, query, sync } from './protocol/build.ts';
import { RawClient, textOf } from './testing/raw-client.ts';
import { RouterFixture } from './testing/router-fixture.ts';
import { offsetsOf, parameters, transcriptOf } from './testing/transcript.ts';
import { describePortal, describeStatement, sessions } from './testing/transcript-corpus.ts';
import type { Session } from './testing/transcript-turns.ts';

let fixture: RouterFixture;
let routerPort = 0;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  routerPort = (await fixture.router({ poolSize: 3 })).port;
});
afterAll(() => fixture?.cleanUp());

const direct = (session: Session) => transcriptOf(fixture.primary.place.port, session, { kind: 'none' });

describe('transcripts through the router', () => {
  for (const session of sessions) {
    it(`are those of PostgreSQL itself: ${session.name}`, async () => {
      const expected = await direct(session);
      expect(await transcriptOf(routerPort, session, { kind: 'none' })).toEqual(expected);
    });
  }

  // The benchmark `transcripts` cuts all of them at every byte.
  it('are the same wherever a message is cut', async () => {
    for (const session of sessions.filter(({ name }) => /^(extended$|simple|copy$|the same)/.test(name))) {
      const expected = await direct(session);
      for (let offset = 1; offset <= offsetsOf(session); offset += 3) {
        const cut = await transcriptOf(routerPort, session, { kind: 'at', offset });
        expect(cut, `${session.name} cut at ${offset}`).toEqual(expected);
      }
    }
  });

  it('are the same when every byte comes alone', async () => {
    for (const session of sessions.filter((each) => offsetsOf(each) < 2000)) {
      const expected = await direct(session);
      expect(await transcriptOf(routerPort, session, { kind: 'every-byte' }), session.name).toEqual(expected);
    }
  });
});

/** One statement per batch, in every form that drivers write it in. */
function batchesOf(random: Random, count: number): Buffer[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const known = new Map<string, string>();
  let nextName = 0;
  return Array.from({ length: count }, () => {
    const [text, ...values] = pick(sharedStatements);
    const value = pick(values);
    const describing = (name: string) => pick([[], [describePortal('')], [describeStatement(name)]]);
    const run = (name: string) => [bind('', name, value), ...describing(name), execute(''), sync];
    const form = random();
    if (form < 0.3) return Buffer.concat([parse('', text), ...run('')]);
    if (form < 0.35) return query('SELECT 7');
    const given = [...known].find(([, each]) => each === text)?.[0];
    if (given !== undefined && form < 0.9) return Buffer.concat(run(given));
    if (given !== undefined) {
      known.delete(given);
      return Buffer.concat([close('S', given), sync]);
    }
    const name = `s${nextName++}`;
    known.set(name, text);
    return Buffer.concat([parse(name, text), ...run(name)]);
  });
}

/** Of a Bind that was sent before its Parse had failed, PostgreSQL names the statement as the router calls it. */
function withoutNames(answer: string): string {
  return answer.replace(/prepared statement "[^"]*"/, 'prepared statement');
}

async function ask(client: RawClient, bytes: Buffer): Promise<string[]> {
  client.send(bytes);
  return (await client.ready()).map(textOf);
}

type Values = string[];
const sharedStatements: [string, ...Values[]][] = [
  // Not to be worked out before it runs: when PostgreSQL plans anew is its own affair.
  ['SELECT 10 / (a - $1::int) FROM looked_up', ['0'], ['9'], ['2'], ['x']],
  ['SELECT b || $2::text FROM looked_up WHERE a = $1::int', ['1', 'x'], ['2', ''], ['9', 'y']],
  ['SELECT * FROM gone_soon', []],
  ['SELECT $1::int[] AS list', ['{1,2}'], ['{1,'], ['{}']],
];

describe('quick reads of several clients', () => {
  it('share connections, and each gets its own answers and errors only (I-ROUTER-10)', async () => {
    const settings = { poolSize: 3, sharedConnections: 2, sharedStatementMs: 1000 };
    const { port, router } = await fixture.router(settings);
    const owner = await fixture.connect(fixture.primary.place.port);
    await owner.query("CREATE TABLE looked_up AS SELECT a, 'b' || a AS b FROM generate_series(1, 3) a");
    await owner.query('CREATE TABLE gone_soon (a int)');
    const client = await RawClient.login(port, parameters);
    for (const [text, values = []] of [
      ...sharedStatements,
      ...sharedStatements,
      ...sharedStatements,
      ...sharedStatements,
    ]) {
      client.send(Buffer.concat([parse('', text), bind('', '', values), execute(''), sync]));
      await client.ready();
    }
    await owner.query('DROP TABLE gone_soon');
    const texts = async (at: number, batches: Buffer[], together: number) => {
      const own = await RawClient.login(at, parameters);
      const answers: string[] = [];
      for (let i = 0; i < batches.length; i += together) {
        const sent = batches.slice(i, i + together);
        own.send(Buffer.concat(sent));
        answers.push(...(await own.ready(sent.length)).map(textOf).map(withoutNames));
      }
      own.destroy();
      return answers;
    };
    const runs = Array.from({ length: 12 }, (_, seed) => batchesOf(seededRandom(seed), 150));
    const direct = await Promise.all(runs.map((batches) => texts(fixture.primary.place.port, batches, 1)));
    const routed = await Promise.all(runs.map((batches, index) => texts(port, batches, 1 + (index % 3))));
    routed.forEach((answers, seed) => {
      expect(answers, `seed ${seed}`).toEqual(direct[seed]);
    });
    const { sharedBatches, sharedStatements: all, statements } = router.counters;
    process.stdout.write(`shared: ${sharedBatches} batches, ${all} of ${statements} statements\n`);
    expect(sharedBatches).toBeGreaterThan(300);
  });

  /** Two servers, both in a transaction of somebody's; `read` was shared before. */
  async function fullPool(read: Buffer, count: number) {
    const { port, router } = await fixture.router({
      poolSize: 2,
      sharedConnections: 1,
      sharedStatementMs: 1000,
    });
    const [first, second, ...others] = await Promise.all(
      Array.from({ length: 2 + count }, () => RawClient.login(port, parameters)),
    );
    if (!first || !second) throw new Error('too few clients');
    const isShared = async () => {
      await ask(first, read);
      return router.counters.sharedStatements > 0 ? true : undefined;
    };
    await pollUntil(isShared, { what: 'it shares', timeoutMs: 10_000, intervalMs: 5 });
    for (const holder of [first, second]) await ask(holder, query('BEGIN'));
    const waitingNow = () => router.groups.list().reduce((sum, { waitingCount }) => sum + waitingCount, 0);
    const untilWaiting = async (wanted: number) => {
      const isSo = async () => (waitingNow() === wanted ? true : undefined);
      await pollUntil(isSo, { what: `${wanted} wait`, timeoutMs: 10_000, intervalMs: 5 });
    };
    const before = router.counters.sharedStatements;
    return {
      first,
      second,
      others,
      untilWaiting,
      sharedSince: () => router.counters.sharedStatements - before,
    };
  }

  it('share when all servers were taken before they came as well, and overtake nobody (I-ROUTER-10)', async () => {
    await (await fixture.connect(fixture.primary.place.port)).query('CREATE TABLE queued (n int)');
    const read = query('SELECT 20 + 3');
    const { first, second, others, untilWaiting, sharedSince } = await fullPool(read, 31);
    const [writer, ...readers] = others;
    if (!writer) throw new Error('too few clients');
    const order: string[] = [];
    const inTurn = async (client: RawClient, what: string, bytes: Buffer) => {
      const answers = await ask(client, bytes);
      order.push(what);
      return answers;
    };
    const early = readers.slice(0, 10).map((client) => inTurn(client, 'early', read));
    await untilWaiting(10);
    const written = inTurn(writer, 'write', query('INSERT INTO queued VALUES (1)'));
    await untilWaiting(11);
    const late = readers.slice(10).map((client) => inTurn(client, 'late', read));
    await untilWaiting(31);
    await ask(first, query('COMMIT'));
    for (const answers of await Promise.all([...early, ...late])) expect(answers[1]).toContain('23');
    expect((await written)[0]).toContain('INSERT 0 1');
    expect(sharedSince()).toBe(30);
    expect(order).toEqual([...Array(10).fill('early'), 'write', ...Array(20).fill('late')]);
    await ask(second, query('COMMIT'));
  });

  it('do not when what they wait with has become something else meanwhile (I-ROUTER-10, I-ROUTER-11)', async () => {
    const as = (kind: string, body: string) =>
      `CREATE OR REPLACE FUNCTION counted(n int) RETURNS int ${kind} LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN n; END $$`;
    const owner = await fixture.connect(fixture.primary.place.port);
    await owner.query('CREATE TABLE counts (n int)');
    await owner.query(as('STABLE', ''));
    const read = query('SELECT counted(7)');
    const { first, second, others, untilWaiting, sharedSince } = await fullPool(read, 10);
    const asked = others.map((client) => ask(client, read));
    await untilWaiting(10);
    await ask(first, query(as('VOLATILE', 'INSERT INTO counts VALUES (n);')));
    await ask(first, query('COMMIT'));
    for (const answers of await Promise.all(asked)) expect(answers[1]).toContain('7');
    expect(sharedSince()).toBe(0);
    expect((await owner.query('SELECT count(*)::int AS n FROM counts')).rows).toEqual([{ n: 10 }]);
    await ask(second, query('COMMIT'));
  });

  it('are asked again when their server is lost, or whoever is before them cancels (I-ROUTER-10)', async () => {
    const settings = { poolSize: 4, sharedConnections: 1, sharedStatementMs: 1000 };
    const { port, router } = await fixture.router(settings);
    const batch = Buffer.concat([parse('', 'SELECT $1::int + 1'), bind('', '', ['4']), execute(''), sync]);
    const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.login(port, parameters)));
    let isOver = false;
    const loops = clients.map(async (client) => {
      let asked = 0;
      for (; !isOver; asked++) {
        client.send(batch);
        const answers = (await client.ready()).map(textOf);
        const isFine = answers.length === 5 && answers[2]?.endsWith('5');
        if (!isFine && answers[0] !== 'E ERROR 57014 canceling statement due to user request')
          throw new Error(answers.join(', '));
      }
      return asked;
    });
    const isShared = async () => (router.counters.sharedBatches > 0 ? true : undefined);
    await pollUntil(isShared, { what: 'they share', timeoutMs: 20_000, intervalMs: 5 });
    for (let i = 0; i < 20; i++) {
      await sql(
        fixture.primary,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app'",
      );
      for (const session of router.desk.sessions.values()) session.cancel();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    isOver = true;
    const asked = (await Promise.all(loops)).reduce((sum, each) => sum + each, 0);
    const { sharedBatches, retried, cancels, aborted } = router.counters;
    process.stdout.write(`asked ${asked}, shared ${sharedBatches}, again ${retried}, cancels ${cancels}\n`);
    expect(sharedBatches).toBeGreaterThan(10);
    expect(aborted).toBe(0);
  });

  it('do not when the same statement takes long for some values (I-ROUTER-10)', async () => {
    const owner = await fixture.connect(fixture.primary.place.port);
    await owner.query(`CREATE FUNCTION waited(ms int) RETURNS int STABLE LANGUAGE plpgsql
      AS $$ BEGIN IF ms > 0 THEN PERFORM pg_sleep(ms / 1000.0); END IF; RETURN ms; END $$`);
    const { port, router } = await fixture.router({ sharedStatementMs: 5 });
    const client = await RawClient.login(port, parameters);
    const run = async (ms: number) => ask(client, query(`SELECT waited(${ms})`));
    const isShared = async () => {
      await run(0);
      return router.counters.sharedStatements > 5 ? true : undefined;
    };
    await pollUntil(isShared, { what: 'it shares', timeoutMs: 10_000, intervalMs: 1 });
    for (const ms of [60, 0, 60, 0, 60, 0, 60]) await run(ms);
    const before = router.counters.sharedStatements;
    for (let i = 0; i < 40; i++) await run(0);
    expect(router.counters.sharedStatements).toBe(before);
  });

  it('do not when that is switched off', async () => {
    const { port, router } = await fixture.router({ sharing: false });
    await Promise.all(
      [0, 1].map(async (seed) => {
        const client = await RawClient.login(port, parameters);
        for (const batch of batchesOf(seededRandom(seed), 30)) {
          client.send(batch);
          await client.ready();
        }
      }),
    );
    expect(router.counters.sharedStatements).toBe(0);
  });
});
