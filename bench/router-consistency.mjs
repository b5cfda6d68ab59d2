// Write and read again through the router, with reads on standbys whose replay is held up by 0 to 200 ms at random: how many
// reads are older than their own session's write (0 under `session`), and how many standbys serve. Some sessions ask for
// `eventual`, to show that there is something to see. `npm run bench -- router-consistency [pairs=10000] [connections=32]`.

import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { withFreshConnection } from '../packages/engine/dist/postgres/connection.js';
import { machineLoad, printTable, say } from './lib/figures.mjs';
import { connect, startRouter, startServers } from './lib/router.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const [pairs = 10_000, connections = 32] = process.argv.slice(2).map(Number);
const heldUpMsMax = 200;
const laterMsMax = 150;
/** Of so many sessions one is promised nothing. */
const eventualEvery = 8;

await inWorkspace(async () => {
  const servers = await startServers(2);
  const router = await startRouter(servers, { balance: 'round-robin' });
  try {
    const owner = await connect(router.port);
    await owner.query('CREATE TABLE pairs (id int PRIMARY KEY, n int NOT NULL)');
    await owner.query('INSERT INTO pairs SELECT i, 0 FROM generate_series(0, $1::int) i', [connections]);
    await owner.end();
    const holding = new AbortController();
    const held = servers.standbys.map((standby) => holdUp(standby, holding.signal));
    const sessions = await Promise.all(Array.from({ length: connections }, (_, id) => open(router.port, id)));
    const sinceMs = performance.now();
    const told = setInterval(() => say(`${doneOf(sessions)} of ${pairs} pairs`), 15_000);
    await Promise.all(sessions.map((session) => run(session, () => doneOf(sessions) < pairs)));
    clearInterval(told);
    holding.abort();
    await Promise.all(held);
    print(sessions, (performance.now() - sinceMs) / 1000);
  } finally {
    await router.stop();
    await servers.cluster.cleanUp();
  }
});

/** Replay stands still, goes on, stands still: what is written meanwhile is there and cannot be read. */
function holdUp({ place }, signal) {
  return withFreshConnection(place, { what: 'hold replay up', timeoutMs: 24 * 3_600_000 }, async (client) => {
    while (!signal.aborted) {
      await client.query('SELECT pg_wal_replay_pause()');
      await delay(Math.random() * heldUpMsMax);
      await client.query('SELECT pg_wal_replay_resume()');
      await delay(Math.random() * 50);
    }
  });
}

async function open(port, id) {
  const consistency = id % eventualEvery === eventualEvery - 1 ? 'eventual' : 'session';
  const client = await connect(port, `-c quantadb.split=on -c quantadb.consistency=${consistency}`);
  const none = () => ({ reads: 0, stale: 0, byStandbys: 0 });
  return { id, client, consistency, n: 0, done: 0, atOnce: none(), later: none() };
}

function doneOf(sessions) {
  return sessions.reduce((sum, { done }) => sum + done, 0);
}

async function run(session, isWanted) {
  while (isWanted()) {
    session.n += 1;
    await write(session);
    await read(session, session.atOnce);
    await delay(Math.random() * laterMsMax);
    await read(session, session.later);
    session.done += 1;
  }
  await session.client.end();
}

/** In every way that ends with something written: alone, in a transaction, in a CTE of a SELECT, after an error, at the end of a batch. */
async function write({ client, id, n }) {
  switch (n % 5) {
    case 0:
      await client.query(`UPDATE pairs SET n = ${n} WHERE id = ${id}`);
      return;
    case 1:
      await client.query({ name: 'write', text: 'UPDATE pairs SET n = $2 WHERE id = $1', values: [id, n] });
      return;
    case 2:
      await client.query('BEGIN');
      await client.query('UPDATE pairs SET n = $2 WHERE id = $1', [id, n]);
      await client.query('SELECT n FROM pairs WHERE id = $1', [id]);
      await client.query('COMMIT');
      return;
    case 3:
      await client.query('WITH w AS (UPDATE pairs SET n = $2 WHERE id = $1 RETURNING n) SELECT n FROM w', [
        id,
        n,
      ]);
      return;
    default:
      await client.query('SELECT 1/0').catch(() => undefined);
      await client.query(`SELECT 1; UPDATE pairs SET n = ${n} WHERE id = ${id}`);
  }
}

async function read({ client, id, n }, seen) {
  const columns = "n, current_setting('in_hot_standby') AS standby FROM pairs WHERE id =";
  const question = [
    `SELECT ${columns} ${id}`,
    { text: `SELECT ${columns} $1`, values: [id] },
    { name: 'read', text: `SELECT ${columns} $1`, values: [id] },
  ][(n + seen.reads) % 3];
  const { rows } = await client.query(question);
  seen.reads += 1;
  if (rows[0].standby === 'on') seen.byStandbys += 1;
  if (rows[0].n !== n) seen.stale += 1;
}

function print(sessions, seconds) {
  const rows = ['session', 'eventual'].flatMap((consistency) =>
    ['atOnce', 'later'].map((when) => {
      const seen = sessions.filter((each) => each.consistency === consistency).map((each) => each[when]);
      const sum = (name) => seen.reduce((total, each) => total + each[name], 0);
      const reads = sum('reads');
      return {
        consistency,
        when,
        reads,
        stale: sum('stale'),
        standbyShare: reads === 0 ? null : sum('byStandbys') / reads,
      };
    }),
  );
  const percent = (share) => (share === null ? null : `${(share * 100).toFixed(1)} %`);
  printTable(
    ['consistency', 'read', 'reads', 'stale', 'by standbys'],
    rows.map(({ consistency, when, reads, stale, standbyShare }) => [
      ...[consistency, when === 'atOnce' ? 'at once' : 'later', reads, stale, percent(standbyShare)],
    ]),
  );
  const stale = rows.filter((row) => row.consistency === 'session').reduce((sum, row) => sum + row.stale, 0);
  const result = {
    name: 'router-consistency',
    pairs: doneOf(sessions),
    connections,
    seconds: Math.round(seconds),
  };
  process.stdout.write(
    `${JSON.stringify({ ...result, cpus: cpus().length, load: machineLoad(), stale, rows })}\n`,
  );
  if (stale > 0) process.exitCode = 1;
}
