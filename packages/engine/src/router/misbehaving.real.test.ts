import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routerSettingsOf } from '../contract/router-settings.ts';
import { pollUntil } from '../shared/deadline.ts';
import { bind, execute, message, parse, query, sync } from './protocol/build.ts';
import { frontend } from './protocol/codes.ts';
import { RawClient, textOf } from './testing/raw-client.ts';
import { application, firstValue, RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

describe('clients that do not behave', () => {
  const open = async (port: number) => {
    const { connect } = await import('node:net');
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    return socket;
  };
  const closed = (socket: { once(event: 'close', heard: () => void): unknown }) =>
    new Promise<void>((resolve) => socket.once('close', () => resolve()));

  it('are answered or cut off, and nobody else hears of it', async () => {
    const { port, router } = await fixture.router({ loginTimeoutMs: 500 });
    const client = await fixture.connect(port);
    const garbage = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.alloc(64, 0xff),
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 47, 1, 2, 3]),
      Buffer.alloc(200_000, 0),
      Buffer.from([0x16, 3, 1, 0, 200, 1]),
      Buffer.from([0, 0, 0]),
    ];
    const sockets = await Promise.all(garbage.map(() => open(port)));
    sockets.forEach((socket, index) => {
      socket.write(garbage[index] ?? '');
      socket.resume();
    });
    await Promise.all(sockets.map(closed));
    expect(await firstValue(client, 'SELECT 1')).toBe(1);
    expect(router.desk.sessions.size).toBe(1);
  });

  it('have as long for their login as is set now, not as when the router began (I-ROUTER-8)', async () => {
    const { port, router } = await fixture.router({ loginTimeoutMs: 60_000 });
    router.useSettings(routerSettingsOf({ loginTimeoutMs: 200 }));
    const socket = await open(port);
    socket.resume();
    const late = new Promise((resolve) => setTimeout(resolve, 5000, 'late'));
    expect(await Promise.race([closed(socket), late])).toBeUndefined();
  });

  it('that break the protocol after their login end with an error', async () => {
    const { port } = await fixture.router();
    const parts = [
      Buffer.from([0x51, 0, 0, 0, 3]),
      Buffer.from('zzzzzzzzz'),
      Buffer.from([0x50, 0x7f, 0xff, 0xff, 0xff]),
    ];
    for (const bytes of parts) {
      const client = await RawClient.login(port, [
        ['user', application.role],
        ['database', application.database],
      ]);
      client.send(bytes);
      const answers = await client.until(() => false);
      expect(answers.map(({ type }) => type)).toEqual(['E']);
    }
  });

  const describeUnknown = message(frontend.describe, Buffer.from('Snobody\0'));
  const hugeCopyData = Buffer.from([frontend.copyData, 0x3e, 0, 0, 0x0a, 0x31]);
  it.each([
    ['after an error, before its Sync', 'E', [describeUnknown]],
    ['after an error, with a Query that is not heard any more', 'E', [describeUnknown, query('SELECT 1')]],
    [
      'in the middle of a batch that has written',
      'C',
      [parse('', 'INSERT INTO left_open VALUES (1)'), bind('', '', []), execute('')],
    ],
    [
      'in the middle of the data of a COPY that has failed',
      'E',
      [query('COPY nothing FROM STDIN'), hugeCopyData],
    ],
    ['in the middle of a COPY', 'G', [query('COPY left_open FROM STDIN'), hugeCopyData]],
  ])('and leave %s, leave nothing to whoever comes next', async (_, upTo, sent) => {
    const { port } = await fixture.router({ poolSize: 1, queueTimeoutMs: 5000 });
    const witness = await fixture.connect(port);
    await witness.query('CREATE TABLE IF NOT EXISTS left_open (a int)');
    const client = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    client.send(Buffer.concat([...sent, message(frontend.flush, Buffer.alloc(0))]));
    await client.until(({ type }) => type === upTo);
    client.destroy();
    for (let i = 0; i < 3; i += 1)
      expect((await witness.query('SELECT $1::int AS one', [1])).rows).toEqual([{ one: 1 }]);
    expect((await witness.query('SELECT count(*)::int AS n FROM left_open')).rows).toEqual([{ n: 0 }]);
  });

  it('whose COPY fails while they send go on with the same connection', async () => {
    const { port } = await fixture.router({ poolSize: 1, queueTimeoutMs: 5000 });
    const witness = await fixture.connect(port);
    const client = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    const data = message(frontend.copyData, Buffer.alloc(200_000, 0x31));
    client.send(Buffer.concat([query('COPY nothing FROM STDIN'), data.subarray(0, 100_000)]));
    await client.ready();
    client.send(Buffer.concat([data.subarray(100_000), message(frontend.copyDone, Buffer.alloc(0))]));
    client.send(query('SELECT 7'));
    expect((await client.ready()).map(textOf)).toContainEqual(expect.stringMatching(/7$/));
    expect(await firstValue(witness, 'SELECT 1')).toBe(1);
  });

  const copyDone = message(frontend.copyDone, Buffer.alloc(0));
  const copyData = message(frontend.copyData, Buffer.from('x\n'));
  const login = (port: number) =>
    RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
  const typesOf = async (client: RawClient, count = 1) =>
    (await client.ready(count)).map(({ type }) => type).join('');

  it('that end a COPY which nobody began are understood as by PostgreSQL, and nobody else hears of it', async () => {
    const { port } = await fixture.router();
    const witness = await fixture.connect(port);
    const client = await login(port);
    client.send(query('BEGIN'));
    expect(await typesOf(client)).toBe('CZ');
    client.send(copyDone);
    client.send(Buffer.concat([parse('', 'SELECT 1'), bind('', '', []), copyDone, execute(''), sync]));
    expect(await typesOf(client)).toBe('12DCZ');
    client.send(Buffer.concat([query('SELECT 1'), copyDone, query('COMMIT'), copyDone]));
    expect(await typesOf(client, 2)).toBe('TDCZCZ');
    expect(await firstValue(witness, 'SELECT 1')).toBe(1);
  });

  it('that end their COPY after they have heard that it failed lose nothing of their transaction', async () => {
    const { port } = await fixture.router();
    const client = await login(port);
    client.send(query('CREATE TABLE kept (a int)'));
    await client.ready();
    const begin = ['BEGIN', 'INSERT INTO kept VALUES (1)', 'SAVEPOINT s'].map(query);
    client.send(Buffer.concat([...begin, query('COPY kept FROM STDIN'), copyData]));
    expect(await typesOf(client, 4)).toBe('CZCZCZGEZ');
    client.send(copyDone);
    client.send(query('ROLLBACK TO s'));
    expect(await typesOf(client)).toBe('CZ');
    client.send(query('COMMIT'));
    expect((await client.ready()).map(textOf)[0]).toMatch(/COMMIT/);
    expect(await firstValue(await fixture.connect(port), 'SELECT count(*)::int FROM kept')).toBe(1);
  });

  const asks = 1000;
  /** What its answer ends with is read with the rest of it. */
  const longRead = "SELECT repeat('x', 60000)";
  it.each([
    ['at once, in shared use', true, asks],
    ['one by one, in shared use', true, 1],
    ['at once, on servers of their own', false, asks],
    ['one by one, on servers of their own', false, 1],
  ])('that ask on and on without reading are not asked for on and on: %s', async (_, sharing, atOnce) => {
    const { port, router } = await fixture.router({ sharing });
    const { counters, desk } = router;
    const other = await fixture.connect(port);
    const isWarm = async () => {
      await firstValue(other, longRead);
      return counters.sharedStatements > 0 || !sharing || undefined;
    };
    await pollUntil(isWarm, { what: 'it is known to be quick', timeoutMs: 10_000, intervalMs: 5 });
    const client = await login(port);
    client.pause();
    const before = counters.bytesToClients;
    const stands = async () => {
      const { bytesToClients } = counters;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return counters.bytesToClients === bytesToClients || undefined;
    };
    const told = () => counters.bytesToClients - before;
    const unsent = () => Math.max(...[...desk.sessions.values()].map(({ wire }) => wire.unsentBytes));
    for (let sent = 0; sent < asks; sent += atOnce) {
      client.send(Buffer.concat(Array<Buffer>(atOnce).fill(query(longRead))));
      await new Promise((resolve) => setTimeout(resolve, 1));
      const answered = async () => told() > (sent + atOnce) * 60_000 || unsent() > 1 << 20 || undefined;
      await pollUntil(answered, { what: 'it is answered', timeoutMs: 20_000, intervalMs: 1 });
    }
    await pollUntil(stands, { what: 'it stands still', timeoutMs: 20_000, intervalMs: 1 });
    // What the system keeps for both ends of a connection is its own affair.
    expect(told()).toBeLessThan(30_000_000);
    expect(unsent()).toBeLessThan(2_000_000);
    for (let i = 0; i < 5; i++) expect(await firstValue(other, longRead)).toHaveLength(60_000);
    client.resume();
    const answers = await client.ready(asks);
    expect(answers.filter(({ type }) => type === 'D')).toHaveLength(asks);
  });

  it('that do not read the one answer that they share a server for hold up nobody for long', async () => {
    const { port, router } = await fixture.router();
    const other = await fixture.connect(port);
    const isWarm = async () => {
      await firstValue(other, "SELECT repeat('x', 1)");
      return router.counters.sharedStatements > 0 || undefined;
    };
    await pollUntil(isWarm, { what: 'it is known to be quick', timeoutMs: 10_000, intervalMs: 5 });
    const client = await login(port);
    client.pause();
    const { sharedStatements, bytesToClients } = router.counters;
    // To the router the same statement.
    client.send(query("SELECT repeat('x', 60000000)"));
    const isAsked = async () => router.counters.sharedStatements > sharedStatements || undefined;
    await pollUntil(isAsked, { what: 'it shares', timeoutMs: 5000, intervalMs: 1 });
    const flows = async () => router.counters.bytesToClients > bytesToClients + 1_000_000 || undefined;
    await pollUntil(flows, { what: 'its answer comes', timeoutMs: 5000, intervalMs: 1 });
    for (let i = 0; i < 20; i++) expect(await firstValue(other, "SELECT repeat('x', 1)")).toBe('x');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const unsent = [...router.desk.sessions.values()].map(({ wire }) => wire.unsentBytes);
    expect(Math.max(...unsent)).toBeLessThan(2_000_000);
    client.destroy();
    for (let i = 0; i < 20; i++) expect(await firstValue(other, "SELECT repeat('x', 1)")).toBe('x');
  });

  it('that do not read hold up only themselves', async () => {
    const { port, router } = await fixture.router({ poolSize: 2 });
    const lazy = await open(port);
    const client = await RawClient.login(port, [
      ['user', application.role],
      ['database', application.database],
    ]);
    client.pause();
    client.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)"));
    const before = process.memoryUsage().arrayBuffers;
    const other = await fixture.connect(port);
    for (let i = 0; i < 20; i++) expect(await firstValue(other, 'SELECT 1')).toBe(1);
    const sessions = [...router.desk.sessions.values()];
    // PostgreSQL would go on: the router has stopped reading what its client does not take.
    const isHeld = async () => sessions.some(({ server }) => server?.wire.raw.isPaused()) || undefined;
    await pollUntil(isHeld, { what: 'its server is held up', timeoutMs: 5000, intervalMs: 5 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    client.resume();
    expect((await client.ready()).length).toBeGreaterThan(20_000);
    lazy.destroy();
  });
});
