import postgres from 'postgres';
import { config, equal, everybody, version } from './common.mjs';

const sql = postgres({ ...config, username: config.user, max: 4, onnotice: () => undefined });
await everybody(async (n) => {
  for (let i = 0; i < 20; i += 1) {
    const [{ sum }] = await sql`SELECT ${i}::int + ${n}::int AS sum`;
    equal(sum, i + n);
    const work = sql.begin(async (own) => {
      await own`INSERT INTO driver_rows ${own({ who: `postgres.js ${n}`, n: i, value: 'é€' })}`;
      if (i % 4 === 3) throw new Error('back');
    });
    equal(
      await work.then(
        () => 'done',
        (error) => error.message,
      ),
      i % 4 === 3 ? 'back' : 'done',
    );
    equal(await sql`SELECT 1/${0}::int`.catch((error) => error.code), '22012');
  }
  let seen = 0;
  for await (const rows of sql`SELECT g FROM generate_series(1, 1000) g`.cursor(100)) seen += rows.length;
  equal(seen, 1000);
  const [{ count }] = await sql`SELECT count(*)::int FROM driver_rows WHERE who = ${`postgres.js ${n}`}`;
  equal(count, 15);
});
const heard = new Promise((resolve) => {
  void sql.listen('drivers', resolve).then(() => sql.notify('drivers', 'hello'));
});
equal(await heard, 'hello');
await sql.end();
version('postgres');
