import { createRequire } from 'node:module';
import { config, equal, everybody, version } from './common.mjs';

const knex = createRequire(process.env.DRIVER_ROOT)('knex')({
  client: 'pg',
  connection: config,
  pool: { min: 0, max: 4 },
});
await knex.schema.dropTableIfExists('knex_rows');
await knex.schema.createTable('knex_rows', (table) => {
  table.increments('id');
  table.string('who');
  table.jsonb('data');
});
await everybody(async (n) => {
  for (let i = 0; i < 10; i += 1) {
    const work = knex.transaction(async (own) => {
      await own('knex_rows').insert({ who: `knex ${n}`, data: { i } });
      if (i % 2 === 1) throw new Error('back');
    });
    equal(
      await work.then(
        () => 'done',
        (error) => error.message,
      ),
      i % 2 === 1 ? 'back' : 'done',
    );
    equal(
      (
        await knex('knex_rows')
          .where({ who: `knex ${n}` })
          .orderBy('id')
      ).at(-1).data,
      { i: i - (i % 2) },
    );
  }
  let streamed = 0;
  for await (const row of knex.raw('SELECT g FROM generate_series(1, 500) g').stream())
    streamed += row.g ? 1 : 0;
  equal(streamed, 500);
});
await knex.schema.dropTable('knex_rows');
await knex.destroy();
version('knex');
