import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
