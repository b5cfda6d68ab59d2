import pg from 'pg';
import { config, equal, everybody, version } from './common.mjs';

await everybody(async (n) => {
  const client = new pg.Client({ ...config, application_name: `pg ${n}` });
  await client.connect();
  await client.query("SET search_path = 'public'");
  for (let i = 0; i < 20; i += 1) {
    const { rows } = await client.query({
      name: `sum-${i % 3}`,
      text: `SELECT $1::int + ${i % 3} AS sum`,
      values: [i],
    });
    equal(rows[0].sum, i + (i % 3));
    await client.query('BEGIN');
    await client.query('INSERT INTO driver_rows VALUES ($1, $2, $3)', [`pg ${n}`, i, 'é€']);
    await client.query(i % 4 === 3 ? 'ROLLBACK' : 'COMMIT');
    const failure = await client.query('SELECT 1/0').catch((error) => error.code);
    equal(failure, '22012');
  }
  const many = await client.query('SELECT g, repeat($1, 100) FROM generate_series(1, 2000) g', ['x']);
  equal(many.rows.length, 2000);
  const left = await client.query('SELECT count(*)::int AS count FROM driver_rows WHERE who = $1', [
    `pg ${n}`,
  ]);
  equal(left.rows[0].count, 15);
  await client.end();
});
version('pg');
