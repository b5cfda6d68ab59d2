import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Classifier } from './classifier.ts';
import type { StatementFacts } from './facts.ts';
import { normalise, usualOptions } from './normalise.ts';

const classifier = new Classifier();

function facts(text: string): StatementFacts {
  const bytes = Buffer.from(text);
  return classifier.classify(bytes, { start: 0, end: bytes.length }, false).facts;
}

function keyOf(text: string): string | null {
  const bytes = Buffer.from(text);
  return normalise(bytes, { start: 0, end: bytes.length }, usualOptions);
}

describe('keys of statements', () => {
  it('are the same for statements that differ in literals, case, comments and white space', () => {
    const same = [
      "SELECT a FROM t WHERE b = 17 AND c = 'x'",
      "select a  from t -- why\n where b = 4.5e-3 and c = E'it\\'s'",
      'Select a /* c1 /* nested; */ */ from t where b = 0x1F and c = $q$it;s$q$',
    ];
    expect(new Set(same.map(keyOf))).toEqual(new Set(['select a from t where b = 0 and c = ?']));
  });

  it('differ by quoted names, parameters and operators', () => {
    expect(keyOf('select "A"')).not.toBe(keyOf('select "a"'));
    expect(keyOf('select $1')).not.toBe(keyOf('select 1'));
    expect(keyOf('select a-1')).not.toBe(keyOf('select a+1'));
  });

  it('see what follows a string with escapes that goes on in the next line, and a hexadecimal number', () => {
    expect(keyOf("select E'a'\n'b\\', f(' || g('c')")).toBe('select ? ? || g(?)');
    expect(keyOf("select E'a' -- \n 'b\\'' || 'c\\' || g(1)")).toBe('select ? ? || ? || g(0)');
    expect(keyOf("select E'a', 'b\\', g('c')")).toBe('select ?, ?, g(?)');
    expect(keyOf('select 0x1e-f(1)')).toBe('select 0-f(0)');
  });

  it('of statements that do not end have no key', () => {
    for (const text of ["select 'a", 'select "a', 'select /* a', 'select $x$ a'])
      expect(keyOf(text)).toBeNull();
  });

  it('never hide a semicolon that PostgreSQL would see', () => {
    const parts = fc.array(
      fc.constantFrom("'", "''", '"', '\\', ';', '$$', '$a$', 'a', '/*', '*/', '--', '\n', ' '),
    );
    const strings = parts.map((each) => each.join(''));
    fc.assert(
      fc.property(strings, (inside) => {
        const quoted = `'${inside.replaceAll("'", "''")}'`;
        expect(keyOf(`select ${quoted};x`)).toBe('select ?;x');
        const named = `"${inside.replaceAll('"', '""')}"`;
        expect(keyOf(`select ${named};x`)).toBe(`select ${named};x`);
      }),
      { numRuns: 500 },
    );
  });
});

describe('facts of statements', () => {
  it('name the settings that outlive a transaction', () => {
    const settings = (text: string) => facts(text).settings;
    expect(settings("SET search_path TO 'a', b")).toEqual(['search_path']);
    expect(settings('set session Statement_Timeout = 5')).toEqual(['statement_timeout']);
    expect(settings("SET app.tenant = '7'")).toEqual(['app.tenant']);
    expect(settings('SET LOCAL work_mem = 5')).toEqual([]);
    expect(settings("SET TIME ZONE 'UTC'")).toEqual(['timezone']);
    expect(settings('set role anna')).toEqual(['role']);
    expect(settings('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')).toContain(
      'default_transaction_read_only',
    );
    expect(settings("select set_config('app.user', '5', false)")).toEqual(['app.user']);
    expect(settings("select set_config('app.user', '5', true)")).toEqual([]);
    expect(settings("select set_config('app.user', $1, true), set_config('b', $2, false)")).toEqual(['b']);
    expect(settings('SELECT 1; SET a.b = 1; SET c TO 2')).toEqual(['a.b', 'c']);
    expect(settings(`select "set_config"('app.user', '5', false)`)).toEqual(['app.user']);
    expect(settings(`select pg_catalog."set_config"('app.user', '5', true)`)).toEqual([]);
    expect(facts('reset all').resetsAll).toBe(true);
    expect(facts('reset work_mem').resets).toEqual(['work_mem']);
  });

  it('name what ties a session to its server', () => {
    const pin = (text: string) => facts(text).pin;
    expect(pin('LISTEN news')).toBe('LISTEN');
    expect(pin('create temp table a (b int)')).toBe('temporary table');
    expect(pin('create temporary table a (b int) on commit drop')).toBeNull();
    expect(pin('create table temp (b int)')).toBeNull();
    expect(pin('select * into temp a from b')).toBe('temporary table');
    expect(pin('select pg_advisory_lock(1)')).toBe('session advisory lock');
    expect(pin('select pg_try_advisory_lock ( 1 )')).toBe('session advisory lock');
    expect(pin('select pg_advisory_xact_lock(1)')).toBeNull();
    expect(pin('declare c cursor with hold for select 1')).toBe('cursor WITH HOLD');
    expect(pin('declare c cursor for select 1')).toBeNull();
    expect(pin('prepare a as select 1')).toBe('PREPARE in SQL');
    expect(pin("prepare transaction 'x'")).toBeNull();
    expect(pin('select set_config($1, $2, false)')).toBe('a setting with a computed name');
    for (const text of [
      ...[
        'SET app.größe = 1',
        'RESET app.größe',
        `SET "my-app".a = 1`,
        "select set_config('a.ü', '1', false)",
      ],
    ])
      expect(pin(text), text).toBe('a setting with an odd name');
    expect(pin("SET LOCAL app.größe = 1; select set_config('a.ü', '1', true)")).toBeNull();
    expect(pin("update pg_catalog.pg_settings set setting = 'a'")).toBe('a setting with a computed name');
    expect(pin(`select U&"set\\005fconfig"('a.b', 'c', false)`)).toBe('a statement that cannot be read');
    expect(pin('create table "pg_temp".a (b int)')).toBe('temporary table');
    expect(pin("select 'LISTEN; create temp table'")).toBeNull();
    expect(facts('discard all')).toMatchObject({ unpins: true, resetsAll: true, deallocates: 'all' });
    expect(facts('deallocate "S_1"').deallocates).toEqual({ name: 'S_1' });
  });

  it('let only plain reads be taken for reads', () => {
    const reads = [
      'select a from t',
      '(select 1) union select 2',
      'with x as (select 1) select * from x',
      'table t',
    ];
    for (const text of reads) expect(facts(text).looksReadOnly, text).toBe(true);
    const others = [
      'select a from t for update',
      'select a from t for no key update',
      'select a into b from t',
      'with x as (delete from t returning a) select * from x',
      'select nextval(?)',
      'select 1; select 2',
      'insert into t values (1)',
      'explain analyze delete from t',
      'begin',
      'show work_mem',
      'copy t to stdout',
      'select pg_advisory_lock(1)',
      'select txid_current()',
    ];
    for (const text of others) expect(facts(text).looksReadOnly, text).toBe(false);
  });

  it('list the functions a read calls', () => {
    expect(facts('select count(*), public.f(a), "G"(b) from t where c in (1,2)').functions).toEqual([
      'count',
      'public.f',
      'G',
    ]);
  });

  it('know transactions and hints', () => {
    expect(facts('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY').beginsReadOnly).toBe(true);
    expect(facts('begin read only, isolation level serializable').beginsReadOnly).toBe(false);
    expect(facts('rollback to savepoint a').kind).toBe('other');
    expect(facts('END').kind).toBe('commit');
    expect(facts('COMMIT AND CHAIN')).toMatchObject({ kind: 'commit', chains: true });
    expect(facts('rollback and no chain')).toMatchObject({ kind: 'rollback', chains: false });
    expect(facts('/* quantadb: primary */ select 1').hint).toBe('primary');
    expect(facts(' ; ').kind).toBe('empty');
  });
});

test('a statement too long to be remembered is read each time, with its literals where they count', () => {
  const columns = Array.from({ length: 3000 }, (_, at) => `column_${at}`).join(', ');
  const text = Buffer.from(`SELECT ${columns}, set_config('work_mem', '1MB', false)`);
  for (let time = 0; time < 2; time += 1)
    expect(classifier.classify(text, { start: 0, end: text.length }, false).facts.settings).toEqual([
      'work_mem',
    ]);
});
