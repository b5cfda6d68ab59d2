import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnRouterSettings, routerSettingsOf } from '../contract/router-settings.ts';
import { sql, type TestNode } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { query } from './protocol/build.ts';
import type { QueryRouter } from './query-router.ts';
import { type RawClient, textOf } from './testing/raw-client.ts';
import { RouterFixture } from './testing/router-fixture.ts';
import { batch, isStandby, loginToSplit, untilReplayed, untilSplit } from './testing/split-scene.ts';
import type { CrewQuestion } from './worker/crew-questions.ts';

let fixture: RouterFixture;
let standby: TestNode;
let router: QueryRouter;
let port = 0;

beforeAll(async () => {
  fixture = await RouterFixture.create();
  standby = await fixture.cluster.standby('node-2', fixture.primary);
  ({ router, port } = await fixture.router({ balance: 'round-robin' }));
  router.useTopology(fixture.topology({}, [fixture.primary, standby]));
  const client = await fixture.connect(port);
  await client.query('CREATE TABLE pairs (id int PRIMARY KEY, n int)');
});
afterAll(() => fixture?.cleanUp());

const split = (consistency: string) =>
  fixture.connect(port, { options: `-c quantadb.split=on -c quantadb.consistency=${consistency}` });
const typesOf = async (client: RawClient, count: number) =>
  (await client.ready(count)).map(({ type }) => type).join('');
/** Its processes stand still, as behind a network that has gone. @returns ends that */
async function freeze({ place }: TestNode): Promise<() => void> {
  const postmaster = Number((await readFile(join(place.dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
  const pids = [postmaster, ...children.trim().split(' ').map(Number)];
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids) process.kill(pid, name);
  };
  signal('SIGSTOP');
  return () => signal('SIGCONT');
}

describe('splitting reads from writes', () => {
  it('is off until somebody asks for it', async () => {
    const client = await fixture.connect(port);
    for (let i = 0; i < 5; i++) expect(await isStandby(client)).toBe(false);
    expect(await isStandby(client, '/* quantadb: replica */ ')).toBe(true);
  });

  it('follows the narrowest of its switches, in sessions that are open too (I-ROUTER-9)', async () => {
    const warm = await split('eventual');
    await untilSplit(warm);
    const set = (own: OwnRouterSettings) =>
      router.useSettings(routerSettingsOf({ balance: 'round-robin', consistency: 'eventual' }, own));
    const named = (database: string, options = '') => fixture.connect(port, { database, options });
    try {
      set({ splitOnSuffix: '_reads', splitOffSuffix: '_writes' });
      const [plain, reads] = [await named('app'), await named('app_reads')];
      expect((await reads.query('SELECT current_database() AS name')).rows[0].name).toBe('app');
      expect([await isStandby(plain), await isStandby(reads)]).toEqual([false, true]);
      set({ splitOnSuffix: '_reads', splitOffSuffix: '_writes', splitDatabases: 'app=on' });
      expect([await isStandby(plain), await isStandby(reads)]).toEqual([true, true]);
      const both = { splitDatabases: 'app=on', splitUsers: 'app=off', split: true };
      set({ splitOnSuffix: '_reads', splitOffSuffix: '_writes', ...both });
      expect([await isStandby(plain), await isStandby(reads)]).toEqual([false, true]);
      const writes = await named('app_writes', '-c quantadb.split=on');
      expect(await isStandby(writes)).toBe(true);
      expect(await isStandby(await named('app_writes'))).toBe(false);
      // Who really bears the name is meant.
      await sql(fixture.primary, 'CREATE DATABASE odd_reads');
      const odd = await named('odd_reads');
      expect((await odd.query('SELECT current_database() AS name')).rows[0].name).toBe('odd_reads');
      await expect(named('nothing_reads')).rejects.toMatchObject({ code: '3D000' });
    } finally {
      router.useSettings(routerSettingsOf({ balance: 'round-robin' }));
    }
  });

  it('sends what is proven to read to a standby, and everything else to the primary', async () => {
    const client = await split('eventual');
    await untilSplit(client);
    expect(await isStandby(client, '/* quantadb: primary */ ')).toBe(false);
    const { rows } = await client.query("SELECT current_setting('in_hot_standby') AS standby, random()");
    expect(rows[0].standby).toBe('off');
    await client.query('BEGIN');
    expect(await isStandby(client)).toBe(false);
    await client.query('COMMIT');
    await client.query('BEGIN READ ONLY');
    expect(await isStandby(client)).toBe(true);
    await client.query('COMMIT');
    expect(
      (await client.query("SELECT current_setting('in_hot_standby') AS s WHERE $1", [true])).rows[0].s,
    ).toBe('on');
    expect(await isStandby(await split('strong'))).toBe(false);
  });

  it('asks the primary what a standby refuses, and remembers', async () => {
    const owner = await fixture.connect(port);
    await owner.query('CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS n');
    await untilReplayed(fixture.primary, standby);
    const client = await split('eventual');
    await untilSplit(client);
    const before = router.counters.retried;
    // It says only that it reads a table.
    for (let i = 0; i < 4; i++)
      expect((await client.query('SELECT n FROM fleeting')).rows).toEqual([{ n: 1 }]);
    expect(router.counters.retried - before).toBe(1);
  });

  it('knows of what may write behind a view, an operator, a default, and hears when it changes (I-ROUTER-11)', async () => {
    const client = await split('eventual');
    const standbyOf = async (from: string) => {
      const { rows } = await client.query(`SELECT current_setting('in_hot_standby') AS standby ${from}`);
      return rows[0].standby;
    };
    await client.query(`CREATE SEQUENCE counter;
      CREATE TABLE held AS SELECT 1 AS a;
      CREATE FUNCTION writes(int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1';
      CREATE FUNCTION seen(held) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION counted(a int DEFAULT nextval('counter')::int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION step(int, int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION reads(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';
      CREATE AGGREGATE gathered(int) (SFUNC = step, STYPE = int, INITCOND = 0);
      CREATE OPERATOR ## (LEFTARG = int, RIGHTARG = int, FUNCTION = step);
      CREATE VIEW numbered AS SELECT nextval('counter') AS n;
      CREATE VIEW behind AS SELECT n FROM numbered;
      CREATE VIEW locked AS SELECT a FROM held FOR UPDATE;
      CREATE VIEW plain AS SELECT reads(a) AS a FROM held;
      CREATE TABLE guarded AS SELECT 1 AS a;
      CREATE POLICY who ON guarded USING (writes(a) = 1);
      CREATE FUNCTION "substring"(held, int, int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1'`);
    await untilReplayed(fixture.primary, standby);
    await untilSplit(client);
    await pollUntil(async () => ((await standbyOf('FROM plain')) === 'on' ? true : undefined), {
      ...{ what: 'the catalogue is known', timeoutMs: 10_000, intervalMs: 20 },
    });
    const writing = [
      ...['FROM numbered', 'FROM behind', 'FROM locked', 'FROM guarded', 'FROM held WHERE 1 ## 2 = 1'],
      ...['FROM held WHERE counted() = 1', 'FROM held WHERE held.seen = 1', 'FROM held WHERE writes(a) = 1'],
      ...['FROM held HAVING gathered(a) = 1', 'FROM held WHERE substring(held, 1, 2) = 1'],
    ];
    for (const from of writing) expect(await standbyOf(from), from).toBe('off');
    for (const from of ['FROM held', 'FROM plain', 'FROM held WHERE reads(a) = 1'])
      expect(await standbyOf(from), from).toBe('on');
    await client.query('ALTER FUNCTION reads(int) VOLATILE');
    for (const from of ['FROM plain', 'FROM held WHERE reads(a) = 1'])
      for (let i = 0; i < 3; i++) expect(await standbyOf(from), from).toBe('off');
    await untilSplit(client);
    for (const from of ['FROM plain', 'FROM held WHERE reads(a) = 1'])
      expect(await standbyOf(from)).toBe('off');
  });

  it('hears from another worker what was redefined through it (I-ROUTER-11, I-ROUTER-17)', async () => {
    const routers: QueryRouter[] = [];
    const crew = (index: number) => {
      const askOthers = async (question: CrewQuestion) =>
        routers.filter((_, at) => at !== index).map((each) => each.answer(question));
      return { crew: { index, count: 2, askOthers } };
    };
    const ports: number[] = [];
    for (const index of [0, 1]) {
      const made = await fixture.router({}, crew(index));
      made.router.useTopology(fixture.topology({}, [fixture.primary, standby]));
      routers.push(made.router);
      ports.push(made.port);
    }
    const [one, two] = await Promise.all(
      ports.map((each) =>
        fixture.connect(each, { options: '-c quantadb.split=on -c quantadb.consistency=eventual' }),
      ),
    );
    if (!one || !two) throw new Error('two workers');
    await one.query("CREATE FUNCTION renewed(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1'");
    await untilReplayed(fixture.primary, standby);
    const text = "SELECT current_setting('in_hot_standby') AS standby, renewed(1)";
    const standbyOf = async () => (await two.query(text)).rows[0].standby;
    await pollUntil(async () => ((await standbyOf()) === 'on' ? true : undefined), {
      ...{ what: 'the function is known', timeoutMs: 10_000, intervalMs: 20 },
    });
    await one.query('ALTER FUNCTION renewed(int) VOLATILE');
    for (let i = 0; i < 10; i++) expect(await standbyOf()).toBe('off');
  });

  it('goes on reading from standbys after a table has got another column', async () => {
    const owner = await fixture.connect(port);
    await owner.query('CREATE TABLE widened AS SELECT 1 AS a');
    await untilReplayed(fixture.primary, standby);
    const client = await split('eventual');
    const text = "SELECT *, current_setting('in_hot_standby') AS standby FROM widened";
    const isRead = async () => {
      const found = await client.query({ name: 'widened', text }).catch(() => null);
      return found?.rows[0].standby === 'on' || undefined;
    };
    await pollUntil(isRead, { what: 'a standby has it prepared', timeoutMs: 5000, intervalMs: 10 });
    await owner.query('ALTER TABLE widened ADD COLUMN b int');
    await untilReplayed(fixture.primary, standby);
    await pollUntil(isRead, { what: 'a standby is asked again', timeoutMs: 5000, intervalMs: 10 });
  });

  it('shows every session what it wrote itself, however far the standby lags (I-ROUTER-6)', async () => {
    let isOver = false;
    const lagging = (async () => {
      while (!isOver) {
        await sql(standby, 'SELECT pg_wal_replay_pause()');
        await new Promise((resolve) => setTimeout(resolve, 40));
        await sql(standby, 'SELECT pg_wal_replay_resume()');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const clients = await Promise.all(Array.from({ length: 4 }, () => split('session')));
    for (const client of clients) await untilSplit(client);
    const reads = router.counters.replicaReads;
    let stale = 0;
    const run = async (client: pg.Client, id: number) => {
      await client.query('INSERT INTO pairs VALUES ($1, 0)', [id]);
      for (let n = 1; n <= 60; n++) {
        await client.query('UPDATE pairs SET n = $2 WHERE id = $1', [id, n]);
        const { rows } = await client.query('SELECT n FROM pairs WHERE id = $1', [id]);
        if (rows[0]?.n !== n) stale++;
        // A second read, later, as a page that is looked at would.
        await new Promise((resolve) => setTimeout(resolve, n % 50));
        const again = await client.query('SELECT n FROM pairs WHERE id = $1', [id]);
        if (again.rows[0]?.n !== n) stale++;
      }
    };
    await Promise.all(clients.map(run));
    isOver = true;
    await lagging;
    expect(stale).toBe(0);
    expect(router.counters.replicaReads - reads).toBeGreaterThan(0);
  });

  it('what is to be serializable is asked of the primary, for standbys refuse it', async () => {
    const client = await split('eventual');
    await untilSplit(client);
    await client.query('SET default_transaction_isolation = serializable');
    expect(await isStandby(client)).toBe(false);
    await client.query('BEGIN READ ONLY');
    expect(await isStandby(client)).toBe(false);
    await client.query('COMMIT');
  });

  it('strong ones begin when the epoch is confirmed, cancelled or not, also on a server of their own (I-ROUTER-16)', async () => {
    let confirmed: number | null = 2;
    const made = await fixture.router({ queueTimeoutMs: 300 }, { askEpoch: async () => confirmed });
    const client = await fixture.connect(made.port, { options: '-c quantadb.consistency=strong' });
    const told = (text: string) =>
      client.query(text).then(
        () => 'done',
        ({ code }: { code: string }) => code,
      );
    // A majority knows of another reign than this router.
    expect(await told('SELECT 1')).toBe('57P03');
    const waiting = told('SELECT 1');
    made.router.useTopology(fixture.topology({ epoch: 2 }));
    expect(await waiting).toBe('done');
    for (const text of ['BEGIN', 'LISTEN a', 'COMMIT', 'SELECT 1']) expect(await told(text)).toBe('done');
    confirmed = null;
    expect(await told('SELECT 1')).toBe('57P03');
    const cancelled = told('SELECT 1');
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const session of made.router.desk.sessions.values()) session.cancel();
    confirmed = 2;
    expect(['57014', 'done']).toContain(await cancelled);
    expect(await told('SELECT 1')).toBe('done');
  });

  it('strong ones that come together are each confirmed after they have come (I-ROUTER-16)', async () => {
    let asked = 0;
    const askEpoch = async () => (++asked === 1 ? 1 : null);
    const made = await fixture.router({ queueTimeoutMs: 300 }, { askEpoch });
    for (const sent of [
      [query('SELECT 1'), query('SELECT 2')],
      [...batch('SELECT 1'), ...batch('SELECT 2')],
    ]) {
      asked = 0;
      const client = await loginToSplit(made.port, 'strong');
      client.send(Buffer.concat(sent));
      expect((await client.ready(2)).map(textOf).filter((text) => /^[CE]/.test(text))).toEqual([
        expect.stringMatching(/^C SELECT 1/),
        expect.stringMatching(/^E ERROR 57P03/),
      ]);
    }
    asked = 0;
    const client = await loginToSplit(made.port, 'strong');
    client.send(Buffer.concat(['BEGIN', 'SELECT 1', 'COMMIT', 'SELECT 2'].map((text) => query(text))));
    expect(await typesOf(client, 4)).toBe('CZTDCZCZEZ');
  });

  it('what was told of lag too long ago is not known any more', async () => {
    const { router: forgetful } = await fixture.router({}, { topologyMaxAgeMs: 200 });
    const lags = () => forgetful.currentTopology.nodes.map(({ lagBytes }) => lagBytes);
    expect(lags()).toEqual([0]);
    const forgotten = async () => lags()[0] === null || undefined;
    await pollUntil(forgotten, { what: 'it is forgotten', timeoutMs: 2000, intervalMs: 20 });
    forgetful.useTopology(fixture.topology());
    expect(lags()).toEqual([0]);
  });

  it('asks the primary what a standby does not answer that has vanished without a word', async () => {
    const inside = await split('eventual');
    await untilSplit(inside);
    await inside.query('BEGIN READ ONLY');
    const clients = await Promise.all(Array.from({ length: 3 }, () => split('eventual')));
    for (const client of clients) await untilSplit(client);
    const thaw = await freeze(standby);
    try {
      // Not seen to stream any more by the time it is asked for: that alone frees nobody.
      const asked = clients.map((client) => isStandby(client));
      const failed = inside.query('SELECT 1').catch(({ code }: { code: string }) => code);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const nodes = fixture.topology({}, [fixture.primary, standby]).nodes;
      router.useTopology(
        fixture.topology({ revision: 2, nodes: nodes.map((node) => ({ ...node, isReadable: false })) }),
      );
      const deadline = new Promise((resolve) => setTimeout(resolve, 8000, 'nothing after 8 s'));
      expect(await Promise.race([Promise.all(asked), deadline])).toEqual([false, false, false]);
      expect(await Promise.race([failed, deadline])).toBe('40001');
      await inside.query('ROLLBACK');
    } finally {
      thaw();
      router.useTopology(fixture.topology({ revision: 3 }, [fixture.primary, standby]));
    }
  });

  it('goes on with the primary when the standby is gone', async () => {
    const client = await split('eventual');
    await untilSplit(client);
    await standby.host.kill('test');
    for (let i = 0; i < 5; i++)
      expect((await client.query('SELECT count(*) FROM pairs')).rows).toHaveLength(1);
  });
});
