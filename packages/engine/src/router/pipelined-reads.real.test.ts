import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestNode } from '../postgres/testing/test-cluster.ts';
import { bind, close, execute, parse, query, sync } from './protocol/build.ts';
import type { QueryRouter } from './query-router.ts';
import { type RawClient, textOf } from './testing/raw-client.ts';
import { RouterFixture } from './testing/router-fixture.ts';
import { batch, loginToSplit, one, untilReplayed, untilSplit, whereRead } from './testing/split-scene.ts';

/** With the split on, pipelined as drivers do: where each of several goes, and in which order they are answered. */

let fixture: RouterFixture;
let standby: TestNode;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  standby = await fixture.cluster.standby('node-2', fixture.primary);
});
afterAll(() => fixture?.cleanUp());

describe('what is sent without waiting for answers', () => {
  /** On servers of their own: whoever shares one is asked one thing at a time. */
  let own: { router: QueryRouter; port: number };
  let client: RawClient;
  /** What was answered to each: of the rows their first value, and errors. */
  const answers = async (count: number) => {
    const heard = (await client.ready(count)).map(textOf);
    return heard.filter((text) => /^[DCE]/.test(text)).map((text) => text.replace(/^D .{6}/s, ''));
  };
  const send = (...messages: Buffer[]) => client.send(Buffer.concat(messages));

  beforeAll(async () => {
    own = await fixture.router({ balance: 'round-robin', sharing: false });
    own.router.useTopology(fixture.topology({}, [fixture.primary, standby]));
    const options = '-c quantadb.split=on -c quantadb.consistency=eventual';
    await untilSplit(await fixture.connect(own.port, { options }));
    client = await loginToSplit(own.port, 'eventual');
    for (const name of ['logged', 'unlogged', 'unlogged2'])
      send(query(`CREATE ${name.startsWith('un') ? 'UNLOGGED' : ''} TABLE ${name} AS SELECT 5 AS n`));
    await client.ready(3);
    await untilReplayed(fixture.primary, standby);
  });

  it.each([
    ['statements', (text: string) => [query(text)], 'unlogged'],
    ['batches', batch, 'unlogged2'],
  ])(
    'is answered once, in order, when a standby refuses the first of several %s',
    async (_, asked, table) => {
      const { counters } = own.router;
      const before = counters.retried;
      send(...asked(`SELECT n FROM ${table}`), ...asked('SELECT 7'), ...asked('SELECT nothing'));
      const heard = await answers(3);
      expect(heard.map((text) => text.replace(/^C.*/s, 'C'))).toEqual([
        '5',
        'C',
        '7',
        'C',
        expect.stringMatching(/^E/),
      ]);
      expect(counters.retried - before).toBe(1);
    },
  );

  const write = 'INSERT INTO logged VALUES (1)';
  const inserted = expect.stringMatching(/^C INSERT/);
  const selected = expect.stringMatching(/^C SELECT/);
  const done = expect.stringMatching(/^C /);
  const statement = (text: string) => query(text);
  it.each([
    ['a write behind a read', 2, [statement(whereRead), statement(write)], ['on', selected, inserted]],
    [
      'a write behind a read, in batches',
      2,
      [...batch(whereRead), ...batch(write)],
      ['on', selected, inserted],
    ],
    [
      'a write behind a read in one batch',
      1,
      [...one(whereRead), ...batch(write)],
      ['off', selected, inserted],
    ],
    [
      'a read behind a read',
      2,
      [...batch(whereRead), statement(whereRead)],
      ['on', selected, 'on', selected],
    ],
    [
      'a transaction behind a read',
      4,
      [whereRead, 'BEGIN', write, 'COMMIT'].map(statement),
      ['on', selected, done, inserted, done],
    ],
    [
      'a write behind a transaction that only reads',
      4,
      ['BEGIN READ ONLY', whereRead, 'COMMIT', write].map(statement),
      [done, 'on', selected, done, inserted],
    ],
    [
      'a transaction that only reads, begun in one batch with its first read',
      2,
      [...one('BEGIN READ ONLY'), ...batch(whereRead), statement('COMMIT')],
      [done, 'on', selected, done],
    ],
    [
      'a statement that is closed behind its use',
      4,
      [
        ...[parse('s', whereRead), bind('', 's', []), execute(''), sync, close('S', 's'), sync],
        ...[parse('s', write), bind('', 's', []), execute(''), sync, close('S', 's'), sync],
      ],
      ['on', selected, inserted],
    ],
  ])('goes where it belongs: %s', async (_, count, sent, expected) => {
    send(...sent);
    expect(await answers(count)).toEqual(expected);
  });
});
