import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

const firstValue = async (client: pg.Client, text: string) => {
  const { rows } = await client.query({ text, rowMode: 'array' });
  return rows[0]?.[0];
};

describe('what a session sets', () => {
  it.each([
    ['by a quoted function', 'a.b', [`SELECT "set_config"('a.b', 'mine', false)`]],
    ['by a name in Unicode escapes', 'a.c', [`SELECT U&"set\\005fconfig"('a.c', 'mine', false)`]],
    ['under a name that is no plain ASCII', 'a.größe', ["SET a.größe = 'mine'"]],
    [
      'through the view of settings',
      'work_mem',
      ["UPDATE pg_settings SET setting = 77 WHERE name = 'work_mem'"],
    ],
    ['in a transaction that another one follows', 'a.d', ['BEGIN', "SET a.d = 'mine'", 'COMMIT AND CHAIN']],
  ])('%s is nobody else’s (I-ROUTER-4)', async (_, name, texts) => {
    const { port } = await fixture.router({ poolSize: 1 });
    const one = await fixture.connect(port);
    const ask = `SELECT current_setting('${name}', true)`;
    const before = (await firstValue(one, ask)) || null;
    for (const text of texts) await one.query(text);
    expect(await firstValue(one, ask)).not.toBe(before);
    await one.end();
    const two = await fixture.connect(port);
    expect((await firstValue(two, ask)) || null).toBe(before);
  });
});
