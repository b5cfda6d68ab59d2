import { seldomCalled } from '../classify/grammar-words.ts';

/**
 * What a database's catalogue says of statements that look like reads. Three kinds of rows: `f`, a name that no function
 * bears that may write; `n`, a name whose mere appearance may call one; `o`, the sign of an operator that does.
 *
 * A function may write when it is volatile, is an aggregate over one that is (of aggregates themselves the catalogue says
 * nothing), or has a default that calls one. Views and policies are looked into where they are stored, as trees that name
 * what they call by number: what people made is found by its dependencies, and what PostgreSQL brings with it, on which
 * nothing depends in writing, by the numbers themselves. A function with one row for an argument can be called as if it
 * were a column of it. What a cast or a type's own input function does is not looked for.
 *
 * It is asked with whatever settings the connection has: its text holds no backslash, and names no schema.
 */
export const catalogueQuestion = `SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = 20000;
WITH RECURSIVE volatile AS MATERIALIZED (
  SELECT oid FROM pg_proc WHERE provolatile = 'v'
), writers AS MATERIALIZED (
  SELECT oid FROM volatile
  UNION SELECT a.aggfnoid::oid FROM pg_aggregate a JOIN volatile v ON v.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
    a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
  UNION SELECT p.oid FROM pg_proc p, regexp_matches(p.proargdefaults::text, ':(?:op)?funcid ([0-9]+)', 'g') f
    WHERE p.pronargdefaults > 0 AND f[1]::oid IN (SELECT oid FROM volatile)
), brought AS MATERIALIZED (
  SELECT ':(?:funcid|opfuncid|aggfnoid|winfnoid) (?:' || string_agg(oid::text, '|') || ') ' AS form FROM volatile WHERE oid < 16384
), trees AS MATERIALIZED (
  SELECT r.ev_class AS relation, 'pg_rewrite'::regclass AS class, r.oid, r.ev_action::text AS tree
    FROM pg_rewrite r WHERE r.oid >= 16384 AND r.ev_type = '1'
  UNION ALL SELECT p.polrelid, 'pg_policy'::regclass, p.oid, p.polqual::text FROM pg_policy p
), needs AS MATERIALIZED (
  SELECT t.relation, d.refclassid AS class, d.refobjid AS needed FROM trees t JOIN pg_depend d ON d.classid = t.class AND d.objid = t.oid
), relations AS (
  SELECT t.relation FROM trees t, brought b WHERE t.tree LIKE '%{ROWMARKCLAUSE%' OR t.tree ~ b.form
  UNION SELECT n.relation FROM needs n WHERE n.class = 'pg_proc'::regclass AND n.needed IN (SELECT oid FROM writers)
  UNION SELECT n.relation FROM needs n JOIN pg_operator o ON n.class = 'pg_operator'::regclass AND o.oid = n.needed
    WHERE o.oprcode IN (SELECT oid FROM writers)
  UNION SELECT n.relation FROM relations w JOIN needs n ON n.class = 'pg_class'::regclass AND n.needed = w.relation
)
SELECT 'f', proname FROM pg_proc GROUP BY proname HAVING NOT bool_or(oid IN (SELECT oid FROM writers))
UNION ALL SELECT 'n', c.relname FROM relations w JOIN pg_class c ON c.oid = w.relation
UNION ALL SELECT 'n', p.proname FROM pg_proc p JOIN pg_type t ON t.oid = p.proargtypes[0]
  WHERE p.oid IN (SELECT oid FROM writers) AND p.pronargs - p.pronargdefaults <= 1
    AND (t.typtype = 'c' OR t.typname IN ('record', 'any', 'anyelement', 'anycompatible'))
UNION ALL SELECT 'n', p.proname FROM pg_proc p
  WHERE p.oid IN (SELECT oid FROM writers) AND p.proname IN (${seldomCalled.map((name) => `'${name}'`).join(', ')})
UNION ALL SELECT 'n', t.typname FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid,
  regexp_matches(k.conbin::text, ':(?:op)?funcid ([0-9]+)', 'g') f WHERE f[1]::oid IN (SELECT oid FROM writers)
UNION ALL SELECT 'o', oprname FROM pg_operator WHERE oprcode IN (SELECT oid FROM writers)`;
