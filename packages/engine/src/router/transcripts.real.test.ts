import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { type Random, seededRandom } from '../shared/random.ts';
import { bind, close, execute, message, parse, query, sync } from './protocol/build.ts';
import { frontend } from './protocol/codes.ts';
import { RawClient, textOf } from './testing/raw-client.ts';
import { application, RouterFixture } from './testing/router-fixture.ts';

const flush = message(frontend.flush, Buffer.alloc(0));
const describeStatement = (name: string) => message(frontend.describe, Buffer.from(`S${name}\0`));
const describePortal = (name: string) => message(frontend.describe, Buffer.from(`P${name}\0`));
const copyData = (text: string) => message(frontend.copyData, Buffer.from(text));
const copyDone = message(frontend.copyDone, Buffer.alloc(0));
const copyFail = message(frontend.copyFail, Buffer.from('no\0'));
const closePortal = (name: string) => close('P', name);

interface Session {
  name: string;
  /** Each is sent at once; then as many ReadyForQuery are awaited as it says. */
  turns: { send: Buffer[]; ready: number }[];
}

const turn = (ready: number, ...send: Buffer[]) => ({ send, ready });

/** What PostgreSQL’s own clients, and some strange ones, say. */
const sessions: Session[] = [
  {
    name: 'simple',
    turns: [turn(1, query('SELECT 1, NULL, $$a$$')), turn(1, query('')), turn(1, query(' ; '))],
  },
  { name: 'several in one', turns: [turn(1, query('SELECT 1; SELECT 2; SELECT 1/0; SELECT 3'))] },
  { name: 'pipelined simple', turns: [turn(3, query('SELECT 1'), query('SELECT x'), query('SELECT 2'))] },
  {
    name: 'transaction',
    turns: [
      turn(1, query('BEGIN')),
      turn(1, query('CREATE TABLE transcript (a int primary key)')),
      turn(1, query('INSERT INTO transcript VALUES (1), (2)')),
      turn(1, query('INSERT INTO transcript VALUES (1)')),
      turn(1, query('SELECT 1')),
      turn(1, query('COMMIT')),
    ],
  },
  {
    name: 'extended',
    turns: [
      turn(
        1,
        parse('', 'SELECT $1::text, $2::int'),
        bind('', '', ['x', '4']),
        describePortal(''),
        execute(''),
        sync,
      ),
      turn(1, parse('s', 'SELECT $1::int + 1'), describeStatement('s'), sync),
      turn(1, bind('', 's', ['1']), execute(''), bind('', 's', ['2']), execute(''), sync),
      turn(1, bind('', 's', ['x']), execute(''), bind('', 's', ['2']), execute(''), sync),
      turn(1, close('S', 's'), sync),
      turn(1, bind('', 's', ['1']), execute(''), sync),
      turn(1, close('S', 'never there'), closePortal('nor this'), sync),
    ],
  },
  {
    name: 'extended pipeline with an error in the middle',
    turns: [
      turn(
        3,
        ...[parse('a', 'SELECT 1'), bind('', 'a', []), execute(''), sync],
        ...[parse('b', 'SELECT nothing'), bind('', 'b', []), execute(''), parse('c', 'SELECT 3'), sync],
        ...[parse('d', 'SELECT 4'), bind('', 'd', []), execute(''), sync],
      ),
      turn(2, bind('', 'b', []), execute(''), sync, bind('', 'a', []), execute(''), sync),
      turn(2, bind('', 'c', []), execute(''), sync, bind('', 'd', []), execute(''), sync),
    ],
  },
  {
    name: 'the same text under two names, and a name again after Close',
    turns: [
      turn(1, parse('p', 'SELECT 7'), parse('q', 'SELECT 7'), bind('', 'p', []), execute(''), sync),
      turn(1, close('S', 'p'), parse('p', 'SELECT 8'), bind('', 'p', []), execute(''), sync),
      turn(1, bind('', 'q', []), execute(''), sync),
    ],
  },
  {
    name: 'portals that are suspended',
    turns: [
      turn(
        1,
        parse('', 'SELECT generate_series(1, 5)'),
        bind('p', '', []),
        message(frontend.execute, Buffer.from('p\0\0\0\0\x02')),
        message(frontend.execute, Buffer.from('p\0\0\0\0\x02')),
        message(frontend.execute, Buffer.from('p\0\0\0\0\0')),
        closePortal('p'),
        sync,
      ),
    ],
  },
  {
    name: 'a simple query between extended ones ends the unnamed statement',
    turns: [
      turn(1, parse('', 'SELECT 1'), sync),
      turn(1, bind('', '', []), execute(''), sync),
      turn(1, query('SELECT 2')),
      turn(1, bind('', '', []), execute(''), sync),
    ],
  },
  {
    name: 'copy',
    turns: [
      turn(1, query('CREATE TABLE copied (a int, b text)')),
      turn(1, query('COPY copied FROM STDIN'), copyData('1\tone\n'), copyData('2\ttwo\n'), copyDone),
      turn(1, query('COPY copied TO STDOUT')),
      turn(1, query('COPY copied FROM STDIN'), copyData('x\n'), copyDone),
      turn(1, query('COPY copied FROM STDIN'), copyData('3\tthree\n'), copyFail),
      turn(1, query('SELECT count(*) FROM copied')),
    ],
  },
  {
    name: 'copy in the extended protocol',
    turns: [
      turn(1, query('CREATE TABLE copied2 (a int)')),
      // The Sync before the data is swallowed by the COPY.
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        sync,
        copyData('5\n'),
        copyDone,
        sync,
      ),
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        copyData('6\n'),
        copyDone,
        sync,
      ),
      turn(
        1,
        parse('', 'COPY copied2 FROM STDIN'),
        bind('', '', []),
        execute(''),
        copyData('x\n'),
        copyDone,
        sync,
      ),
      turn(1, query('SELECT count(*) FROM copied2')),
    ],
  },
  {
    name: 'settings and parameters',
    turns: [
      turn(1, query("SET TimeZone = 'Asia/Tokyo'")),
      turn(1, query('SHOW TimeZone')),
      turn(1, query("SET DateStyle = 'German'; SELECT '2020-02-01'::date")),
      turn(1, query("BEGIN; SET search_path = pg_catalog; SET TimeZone = 'UTC'")),
      turn(1, query('ROLLBACK')),
      turn(1, query('SHOW search_path')),
      turn(1, query('SHOW TimeZone')),
      turn(1, query("SET a.b = 'c'")),
      turn(1, query("SELECT current_setting('a.b')")),
      turn(1, query('RESET TimeZone')),
      turn(1, query('SHOW TimeZone')),
      turn(1, query('DISCARD ALL')),
      turn(1, query('SHOW DateStyle')),
    ],
  },
  {
    name: 'notices, notifications, cursors, temporary tables',
    turns: [
      turn(1, query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")),
      turn(1, query('BEGIN')),
      turn(1, query('DECLARE c CURSOR FOR SELECT generate_series(1, 4)')),
      turn(1, query('FETCH 2 FROM c')),
      turn(1, query('COMMIT')),
      turn(1, query('CREATE TEMP TABLE t (a int)')),
      turn(1, query('INSERT INTO t VALUES (1)')),
      turn(1, query('SELECT a + 1 FROM t')),
      turn(1, query('DISCARD ALL')),
      turn(1, query('SELECT * FROM t')),
      turn(1, query('PREPARE x AS SELECT 5')),
      turn(1, query('EXECUTE x')),
      turn(1, query('DEALLOCATE x')),
    ],
  },
  {
    name: 'DEALLOCATE of what was prepared through the protocol',
    turns: [
      turn(1, parse('one', 'SELECT 1'), sync),
      turn(1, query('DEALLOCATE one')),
      turn(1, bind('', 'one', []), execute(''), sync),
      turn(1, parse('one', 'SELECT 1'), parse('two', 'SELECT 2'), sync),
      turn(1, query('DEALLOCATE ALL')),
      turn(1, bind('', 'two', []), execute(''), sync),
    ],
  },
  {
    name: 'flush, and a function called directly',
    turns: [
      turn(1, parse('', 'SELECT 1'), flush, bind('', '', []), flush, execute(''), flush, sync),
      turn(1, message(frontend.functionCall, Buffer.from([0, 0, 0x05, 0x3d, 0, 0, 0, 0, 0, 0]))),
    ],
  },
];

let fixture: RouterFixture;
let routerPort = 0;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  routerPort = (await fixture.router({ poolSize: 3 })).port;
});
afterAll(() => fixture?.cleanUp());

const parameters: [string, string][] = [
  ['user', application.role],
  ['database', application.database],
  ['application_name', 'transcripts'],
];
const tables = ['transcript', 'copied', 'copied2'];

async function transcript(
  port: number,
  session: Session,
  cutOf: (bytes: Buffer) => number | null,
): Promise<string[]> {
  const client = await RawClient.login(port, parameters);
  const lines: string[] = [];
  for (const { send, ready } of session.turns) {
    const bytes = Buffer.concat(send);
    const cut = cutOf(bytes);
    if (cut === null) client.send(bytes);
    else await client.sendCut(bytes, cut);
    lines.push(...(await client.ready(ready)).map(textOf), '--');
  }
  client.send(query(`DROP TABLE IF EXISTS ${tables.join(', ')}`));
  await client.ready();
  client.send(message(frontend.terminate, Buffer.alloc(0)));
  client.destroy();
  return lines;
}

describe('transcripts through the router', () => {
  for (const session of sessions) {
    it(`are those of PostgreSQL itself: ${session.name}`, async () => {
      const direct = await transcript(fixture.primary.place.port, session, () => null);
      expect(await transcript(routerPort, session, () => null)).toEqual(direct);
    });
  }

  it('are the same wherever a message is cut', async () => {
    const cutSessions = sessions.filter(({ name }) => /^(extended$|simple|copy$|the same)/.test(name));
    for (const session of cutSessions) {
      const direct = await transcript(fixture.primary.place.port, session, () => null);
      const longest = Math.max(...session.turns.map(({ send }) => Buffer.concat(send).length));
      for (let offset = 1; offset < longest; offset++) {
        const cut = await transcript(routerPort, session, (bytes) => Math.min(offset, bytes.length));
        expect(cut, `${session.name} cut at ${offset}`).toEqual(direct);
      }
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
