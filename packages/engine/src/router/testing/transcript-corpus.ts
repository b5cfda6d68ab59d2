import { bind, close, execute, message, parse, query, sync } from '../protocol/build.ts';
import { frontend } from '../protocol/codes.ts';
import { copySessions } from './transcript-copies.ts';
import { flush, type Session, turn, upTo } from './transcript-turns.ts';

export const describeStatement = (name: string) => message(frontend.describe, Buffer.from(`S${name}\0`));
export const describePortal = (name: string) => message(frontend.describe, Buffer.from(`P${name}\0`));
const closePortal = (name: string) => close('P', name);

/** What PostgreSQL’s own clients, and some strange ones, say. */
export const sessions: Session[] = [
  ...copySessions,
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
  {
    name: 'more is said between an error and its Sync',
    turns: [
      upTo('E', parse('', 'SELECT nothing'), flush),
      turn(1, bind('', '', []), execute(''), parse('later', 'SELECT 1'), query('SELECT 2'), sync),
      turn(1, bind('', 'later', []), execute(''), sync),
      upTo('E', parse('p', 'SELECT 1/$1::int'), bind('', 'p', ['0']), execute(''), flush),
      turn(2, bind('', 'p', ['1']), flush, sync, bind('', 'p', ['1']), execute(''), sync),
      turn(1, parse('later', 'SELECT 3'), bind('', 'later', []), execute(''), sync),
    ],
  },
  {
    name: 'answers asked for by Flush, one by one',
    turns: [
      upTo('1', parse('f', 'SELECT $1::text'), flush),
      upTo('T', describeStatement('f'), flush),
      upTo('2', bind('', 'f', ['x']), flush),
      upTo('C', execute(''), flush),
      turn(1, sync),
      turn(3, sync, sync, sync),
      upTo('3', close('S', 'f'), flush),
      turn(1, sync),
    ],
  },
  {
    name: 'an implicit transaction of a pipeline',
    turns: [
      turn(1, query('CREATE TABLE piped (a int primary key)')),
      turn(
        2,
        ...[parse('i', 'INSERT INTO piped VALUES ($1::int)'), bind('', 'i', ['1']), execute('')],
        ...[bind('', 'i', ['1']), execute(''), bind('', 'i', ['2']), execute(''), sync],
        ...[bind('', 'i', ['3']), execute(''), sync],
      ),
      turn(1, query('SELECT * FROM piped')),
    ],
  },
  {
    name: 'a failed transaction in both protocols',
    turns: [
      turn(1, query('BEGIN')),
      turn(1, parse('', 'SELECT 1/0'), bind('', '', []), execute(''), sync),
      turn(1, parse('', 'SELECT 1'), bind('', '', []), execute(''), sync),
      turn(1, parse('', 'ROLLBACK TO nowhere'), bind('', '', []), execute(''), sync),
      turn(1, query('SELECT 1; COMMIT')),
      turn(1, parse('', 'COMMIT'), bind('', '', []), describePortal(''), execute(''), sync),
      turn(1, query('COMMIT')),
      turn(1, query('ROLLBACK')),
      turn(1, query('BEGIN')),
      turn(1, query('BEGIN')),
      turn(1, query('SAVEPOINT a; SELECT x')),
      turn(1, query('ROLLBACK TO a; SELECT 1')),
      turn(1, query('COMMIT AND CHAIN')),
      turn(1, query('SELECT 1')),
      turn(1, query('END')),
    ],
  },
  {
    name: 'portals in a transaction, over several Syncs',
    turns: [
      turn(1, query('BEGIN')),
      turn(1, parse('', 'SELECT generate_series(1, 4)'), bind('g', '', []), rowsOf('g', 1), sync),
      turn(1, rowsOf('g', 2), sync),
      turn(1, describePortal('g'), rowsOf('g', 0), sync),
      turn(1, rowsOf('g', 0), closePortal('g'), sync),
      turn(1, execute('g'), sync),
      turn(1, query('ROLLBACK')),
    ],
  },
  {
    name: 'mistakes in the extended protocol',
    turns: [
      turn(1, execute('nowhere'), sync),
      turn(1, bind('', 'unknown', []), sync),
      turn(1, describeStatement('unknown'), sync),
      turn(1, describePortal('unknown'), sync),
      turn(1, parse('', 'SELECT 1; SELECT 2'), sync),
      turn(1, parse('n', 'SELECT $1::int'), bind('', 'n', []), sync),
      turn(1, parse('n', 'SELECT 1'), sync),
      turn(1, bind('', 'n', ['1', '2']), execute(''), sync),
      turn(1, parse('', ''), bind('', '', []), describePortal(''), execute(''), sync),
      turn(1, parse('x', 'SELECT'), bind('', 'x', []), execute(''), sync),
    ],
  },
  {
    name: 'binary values, long values, many rows',
    turns: [
      turn(1, parse('', 'SELECT $1::int8, $2::bytea'), binaryBind(), execute(''), sync),
      turn(1, query(`SELECT length('${'x'.repeat(9000)}'), repeat('y', 70000)`)),
      turn(1, query('SELECT g, g::text FROM generate_series(1, 3000) g')),
      turn(1, parse('l', 'SELECT length($1)'), bind('', 'l', ['z'.repeat(80_000)]), execute(''), sync),
    ],
  },
  {
    name: 'what is no message ends the connection',
    turns: [turn(1, query('SELECT 1')), turn(1, message(0x7a, Buffer.from('what')))],
  },
  {
    name: 'settings of a transaction and of a statement',
    turns: [
      turn(1, query("BEGIN; SET LOCAL work_mem = '7MB'; SHOW work_mem")),
      turn(1, query('COMMIT')),
      turn(1, query('SHOW work_mem')),
      turn(1, query("SELECT set_config('x.y', 'z', false), set_config('x.l', 'z', true)")),
      turn(1, query("SELECT current_setting('x.y'), current_setting('x.l', true)")),
      turn(1, query('SET nothing_of_that_name = 1')),
      turn(1, query("SET client_encoding = 'LATIN1'")),
      turn(1, query("SELECT U&'\\00e4'")),
      turn(1, query("SET client_encoding = 'UTF8'; SET standard_conforming_strings = off")),
      turn(1, query("SET escape_string_warning = off; SELECT 'a\\'';b'")),
      turn(1, query('RESET ALL')),
      turn(1, query("SELECT 'a\\', current_setting('standard_conforming_strings')")),
      turn(1, query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')),
      turn(1, query('CREATE TABLE never (a int)')),
    ],
  },
  {
    name: 'prepared statements whose table changes',
    turns: [
      turn(1, query('CREATE TABLE changing (a int)')),
      turn(1, parse('c', 'SELECT * FROM changing -- 000000'), bind('', 'c', []), execute(''), sync),
      turn(1, query('ALTER TABLE changing ADD b int')),
      turn(1, bind('', 'c', []), execute(''), sync),
      turn(
        1,
        close('S', 'c'),
        parse('c', 'SELECT * FROM changing -- 000000'),
        bind('', 'c', []),
        describePortal(''),
        sync,
      ),
    ],
  },
  {
    name: 'what looks like something else',
    turns: [
      turn(1, query('SELECT $$COMMIT; BEGIN$$ /* ; BEGIN */ -- ; BEGIN')),
      turn(1, query('/* COMMIT */ BEGIN /* nested /* twice */ */')),
      turn(1, query('SELECT \'it\'\'s; COMMIT\', "current_user" FROM (SELECT 1 AS "current_user") "a;b"')),
      turn(1, query('-- nothing\nCOMMIT -- BEGIN')),
      turn(1, query("DO 'BEGIN PERFORM 1; END'")),
      turn(1, query('EXPLAIN (COSTS off) SELECT 1')),
      turn(1, query('DO $x$ BEGIN RAISE EXCEPTION USING ERRCODE = $$40001$$; END $x$')),
    ],
  },
];

function rowsOf(portal: string, count: number): Buffer {
  return message(frontend.execute, Buffer.from(`${portal}\0\0\0\0${String.fromCharCode(count)}`));
}

/** 258 as int8 and three bytes as bytea, both ways in binary. */
function binaryBind(): Buffer {
  const values = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 0, 9, 255];
  return message(frontend.bind, Buffer.from([0, 0, 0, 1, 0, 1, 0, 2, ...values, 0, 1, 0, 1]));
}

export const tables = ['transcript', 'copied', 'copied2', 'copied3', 'copied4', 'piped', 'changing'];
