import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';
import { replaceDaemon, untilHeldUp } from './testing/router-succession.ts';
import { cancel, commit, knockDuring, type Told, write } from './testing/router-traffic.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

let cluster: RealCluster;
const nodes = ['node-1', 'node-2', 'node-3'];
const edge = 'edge-1';

beforeAll(async () => {
  cluster = await RealCluster.create([...nodes, edge], { routers: true, routerHosts: [edge] });
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3', edge]);
  await cluster.until('four routers', (status) => status.routers.length === 4);
  const client = await connect('node-1');
  await client.query('CREATE TABLE kept (id bigserial PRIMARY KEY, client int, n int)');
  await client.end();
});
afterAll(() => cluster?.cleanUp());

const portOf = (node: string) => cluster.host(node).config.router?.port ?? 0;

async function connect(node: string, options?: string): Promise<pg.Client> {
  const port = portOf(node);
  const client = new pg.Client({ host: '127.0.0.1', port, options, ...credentials });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function under(work: () => Promise<void>): Promise<Told[]> {
  await (await connect('node-1')).query('TRUNCATE kept');
  const clients = await Promise.all(
    Array.from({ length: 12 }, (_, index) => connect([...nodes, edge][index % 4] ?? '')),
  );
  let isOver = false;
  const writers = clients.map((client, index) => write(client, index, () => isOver));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await work();
  await new Promise((resolve) => setTimeout(resolve, 500));
  isOver = true;
  const told = await Promise.all(writers);
  const reader = await connect('node-1');
  const { rows } = await reader.query(
    'SELECT client, n, count(*)::int AS times FROM kept GROUP BY client, n',
  );
  const found = new Map(rows.map(({ client, n, times }) => [`${client}/${n}`, times]));
  told.forEach(({ acknowledged }, id) => {
    for (const n of acknowledged) expect(found.get(`${id}/${n}`), `row ${id}/${n}`).toBe(1);
  });
  await Promise.all([...clients, reader].map((client) => client.end()));
  return told;
}

async function checkOutcomes(outcomes: Awaited<ReturnType<typeof commit>>[]): Promise<void> {
  const reader = await connect('node-1');
  const { rows } = await reader.query('SELECT client, n FROM kept WHERE client >= 100');
  const found = new Set(rows.map(({ client, n }) => `${client}/${n}`));
  outcomes.forEach(({ committed, rolledBack, unknown }, index) => {
    for (const n of committed)
      expect(found.has(`${100 + index}/${n}`), `commit ${100 + index}/${n}`).toBe(true);
    for (const n of rolledBack)
      expect(found.has(`${100 + index}/${n}`), `rollback ${100 + index}/${n}`).toBe(false);
    expect(unknown).toEqual([]);
  });
  const { routers } = await cluster.until('routers', (status) => status.routers.length === 4);
  const resolved = routers.reduce((sum, { traffic }) => sum + (traffic?.counters.resolved ?? 0), 0);
  const count = (name: 'committed' | 'rolledBack') =>
    outcomes.reduce((sum, each) => sum + each[name].length, 0);
  process.stdout.write(
    `commits: ${count('committed')} done, ${count('rolledBack')} rolled back at their COMMIT, ${resolved} found out\n`,
  );
  await reader.end();
}

it('one address per node serves the whole cluster, and status names it', async () => {
  const status = await cluster.until('routers', ({ routers }) => routers.length === 4);
  expect(status.routers.map(({ node }) => node).sort()).toEqual([edge, ...nodes]);
  for (const node of [...nodes, edge]) {
    const client = await connect(node);
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
    expect(rows).toEqual([{ standby: false }]);
    await client.end();
  }
});

it('a switchover is no error for anybody (I-ROUTER-3)', async () => {
  const before = await cluster.primary();
  const told = await under(async () => {
    await cluster.run('node-2', { kind: 'switchover', to: null });
  });
  expect(told.flatMap(({ errors }) => errors)).toEqual([]);
  expect((await cluster.primary()).name).not.toBe(before.name);
  const longestMs = Math.max(...told.map(({ longestMs }) => longestMs));
  process.stdout.write(`switchover: longest statement pause ${Math.round(longestMs)} ms\n`);
  expect(longestMs).toBeLessThan(10_000);
});

it('after the loss of a primary clients hear what happened to what they asked, and go on (I-ROUTER-12)', async () => {
  await cluster.untilHealthy();
  const { primary: lost, epoch: reign } = await cluster.until('a primary', ({ primary }) => primary !== null);
  const knowing = await Promise.all(
    Array.from({ length: 12 }, (_, index) => connect(nodes[index % 3] ?? '', '-c quantadb.outcome=on')),
  );
  let outcomes: Awaited<ReturnType<typeof commit>>[] = [];
  const told = await under(async () => {
    let isOver = false;
    const committers = knowing.map((client, index) => commit(client, 100 + index, () => isOver));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { pids } = await cluster.host(lost ?? '').client.node();
    if (pids.postgres) process.kill(pids.postgres, 'SIGKILL');
    await cluster.until('the next reign', ({ primary, epoch }) => primary !== null && epoch > reign);
    await new Promise((resolve) => setTimeout(resolve, 300));
    isOver = true;
    outcomes = await Promise.all(committers);
    await checkOutcomes(outcomes);
  });
  const errors = told.flatMap(({ errors }) => errors);
  const strange = errors.filter((error) => !/^(08007|40001|25P02) /.test(error));
  process.stdout.write(
    `loss: ${errors.length} errors, longest ${Math.round(Math.max(...told.map((each) => each.longestMs)))} ms\n`,
  );
  process.stdout.write(`${[...new Set(errors)].slice(0, 5).join('\n')}\n`);
  expect(strange).toEqual([]);
  // What is left open would keep the router alive that another one replaces later on.
  await Promise.all(knowing.map((client) => client.end()));
  await cluster.untilHealthy();
});

async function untilAsleep(count: number): Promise<void> {
  const watcher = await connect('node-1');
  const asleep = async () => {
    const running = "query = 'SELECT pg_sleep(20)' AND state = 'active'";
    const { rows } = await watcher.query(`SELECT 1 FROM pg_stat_activity WHERE ${running}`);
    return rows.length === count || undefined;
  };
  await pollUntil(asleep, { what: `${count} sleep`, timeoutMs: 5000, intervalMs: 10 });
  await watcher.end();
}

it('I-ROUTER-17: a worker that dies takes only its own clients with it, and all of them are shown and cancelled as one router', async () => {
  const { pids } = await cluster.host(edge).client.node();
  expect(pids.routers).toHaveLength(2);
  const clients: { client: pg.Client; worker: number; isAlive(): Promise<boolean> }[] = [];
  // All at once: whoever looks first does not take them all.
  for (const client of await Promise.all(Array.from({ length: 40 }, () => connect(edge)))) {
    const { processID } = client as unknown as { processID: number };
    const isAlive = () =>
      client.query('SELECT 1').then(
        () => true,
        () => false,
      );
    clients.push({ client, worker: processID >> 24, isAlive });
  }
  const workers = [0, 1].map((worker) => clients.filter((each) => each.worker === worker));
  process.stdout.write(`clients by worker: ${workers.map(({ length }) => length).join(', ')}\n`);
  // On a busy machine one of them may not get its turn in time.
  expect(workers.every(({ length }) => length >= 3)).toBe(true);
  const sleeps = workers.map(([one]) =>
    one?.client.query('SELECT pg_sleep(20)').catch((error) => error.code),
  );
  await untilAsleep(2);
  for (const [one] of workers) {
    if (!one) continue;
    // Whichever worker takes the request.
    const { processID, secretKey } = one.client as unknown as { processID: number; secretKey: number };
    await cancel(portOf(edge), processID, secretKey);
  }
  expect(await Promise.all(sleeps)).toEqual(['57014', '57014']);
  await cluster.until('both report', ({ routers }) => {
    const { clients = 0, counters = {} } = routers.find(({ node }) => node === edge)?.traffic ?? {};
    return clients >= 40 && (counters.cancels ?? 0) >= 2;
  });
  const [first = 0] = pids.routers;
  process.kill(first, 'SIGKILL');
  const newcomers = await Promise.all(Array.from({ length: 10 }, () => connect(edge)));
  const alive = await Promise.all(clients.map(async (each) => ({ ...each, is: await each.isAlive() })));
  expect(alive.filter(({ is }) => is).map(({ worker }) => worker)).toEqual(workers[1]?.map(() => 1));
  await Promise.all([...newcomers, ...clients.map(({ client }) => client)].map((client) => client.end()));
});

const routersOf = async (node: string) => (await cluster.host(node).client.node()).pids.routers;

it('I-ROUTER-18: a daemon that is replaced is noticed by no client of its router, and the next one goes on with it', async () => {
  for (const node of ['node-3', edge]) {
    const before = await routersOf(node);
    const [idle, busy] = await Promise.all([connect(node), connect(node)]);
    await busy.query('BEGIN');
    await busy.query('INSERT INTO kept (client, n) VALUES (-2, 0)');
    const errors = await knockDuring(
      () => connect(node),
      () => replaceDaemon(cluster, node, () => idle.query('INSERT INTO kept (client, n) VALUES (-2, 1)')),
    );
    expect(errors).toEqual([]);
    await expect.poll(() => routersOf(node), { timeout: 5000 }).toEqual(before);
    await busy.query('COMMIT');
    await idle.query("SET application_name = 'still there'");
    const strong = await connect(node, '-c quantadb.consistency=strong');
    const { rows } = await strong.query('SELECT 1 FROM kept WHERE client = -2');
    expect(rows).toHaveLength(node === edge ? 4 : 2);
    await Promise.all([idle, busy, strong].map((client) => client.end()));
  }
  // The socket of these two is not this daemon's, so others take the port when one of them dies.
  const [dying = 0, staying = 0] = await routersOf(edge);
  const errors = await knockDuring(
    () => connect(edge),
    async () => {
      process.kill(dying, 'SIGKILL');
      const isRenewed = async () => {
        const pids = await routersOf(edge);
        return (pids.length === 2 && !pids.includes(dying) && !pids.includes(staying)) || undefined;
      };
      await pollUntil(isRenewed, { what: 'two other workers', timeoutMs: 15_000, intervalMs: 50 });
    },
  );
  // One may have been with the worker that died.
  expect(errors.length).toBeLessThanOrEqual(5);
});

it('I-ROUTER-18: sessions stay with a router that another one replaces, until they end', async () => {
  const file = `${cluster.host('node-3').directory}/host.json`;
  const config = JSON.parse(await readFile(file, 'utf8'));
  const before = await routersOf('node-3');
  const client = await connect('node-3');
  const errors = await knockDuring(
    () => connect('node-3'),
    async () => {
      await writeFile(file, JSON.stringify({ ...config, router: { ...config.router, workers: 2 } }));
      await replaceDaemon(cluster, 'node-3');
      const told = await untilHeldUp(cluster, { node: 'node-3', former: before });
      expect(told).toMatch(/^The router on node-3 of demo is a former one still, .*: its process ended/);
      const isReplaced = async () => (await routersOf('node-3')).length === 3 || undefined;
      await pollUntil(isReplaced, { what: 'two workers more', timeoutMs: 15_000, intervalMs: 50 });
      const next = async () => {
        // The port may be without anybody at just this moment.
        const newcomer = await connect('node-3').catch(() => undefined);
        if (!newcomer) return undefined;
        const { processID } = newcomer as unknown as { processID: number };
        await newcomer.end();
        return processID >> 24 === 1 || undefined;
      };
      await pollUntil(next, { what: 'a client of the second worker', timeoutMs: 10_000, intervalMs: 10 });
    },
  );
  expect(errors.length).toBeLessThanOrEqual(5);
  await writeFile(file, JSON.stringify(config));
  const sleeping = client.query('SELECT pg_sleep(20)').catch((error) => error.code);
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  await untilAsleep(1);
  await cancel(portOf('node-3'), processID, secretKey);
  expect(await sleeping).toBe('57014');
  await client.query('INSERT INTO kept (client, n) VALUES (-3, 0)');
  await client.end();
  await untilOver(cluster, 'router-not-replaced', { via: 'node-3' });
  const isGone = async () => !(await routersOf('node-3')).some((pid) => before.includes(pid)) || undefined;
  await pollUntil(isGone, { what: 'the former router has ended', timeoutMs: 10_000, intervalMs: 50 });
});

it('the router of a daemon that was killed comes back with the next one', async () => {
  const host = cluster.host('node-3');
  const { pids } = await host.client.node();
  host.daemon?.kill('SIGKILL');
  const released = async () => {
    const client = await connect('node-3').catch(() => null);
    await client?.end();
    return client === null ? true : undefined;
  };
  await pollUntil(released, { what: 'its port is closed', timeoutMs: 10_000, intervalMs: 50 });
  await cluster.startDaemon('node-3');
  const again = async () => {
    const client = await connect('node-3').catch(() => undefined);
    await client?.end();
    return client;
  };
  await pollUntil(again, { what: 'the router of node-3 answers', timeoutMs: 15_000, intervalMs: 50 });
  expect((await host.client.node()).pids.routers).not.toEqual(pids.routers);
});

/** Somebody takes the port as soon as it is free, and gives it back when that was told of. */
async function takePortOf(node: string): Promise<void> {
  const server = createServer();
  const port = cluster.host(node).config.router?.port ?? 0;
  const taken = () =>
    new Promise<true | undefined>((resolve) => {
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
  await pollUntil(taken, { what: 'its port is taken', timeoutMs: 10_000, intervalMs: 5 });
  const why = new RegExp(`^The router on ${node} of demo is not open: .*EADDRINUSE.*${port}`);
  // At first it is told that its process has ended.
  await expect.poll(() => untilTold(cluster, 'router-closed'), { timeout: 20_000 }).toMatch(why);
  server.close();
}

it('a router that dies is there again, and one that cannot be opened is told of', async () => {
  const { pids } = await cluster.host('node-2').client.node();
  const [pid = 0] = pids.routers;
  process.kill(pid, 'SIGKILL');
  await takePortOf('node-2');
  const again = async () => {
    const client = await connect('node-2').catch(() => undefined);
    await client?.end();
    return client;
  };
  await pollUntil(again, { what: 'the router of node-2 answers', timeoutMs: 10_000, intervalMs: 50 });
  await untilOver(cluster, 'router-closed');
});

/** Nine open transactions and seven servers for them. */
async function expectQueue(): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 9 }, () => connect('node-1')));
  const begun = clients.map((client) => client.query('BEGIN; SELECT 1'));
  const limits = { waiting: 1 };
  const told = await untilTold(cluster, 'router-queue', { via: 'node-1', limits });
  expect(told).toMatch(/^2 of \d+ clients of the router on node-1 of demo wait for a server[.]$/);
  await Promise.all(
    clients.map(async (client, index) => {
      await begun[index];
      await client.end();
    }),
  );
  await untilOver(cluster, 'router-queue', { via: 'node-1', limits });
}

it('I-ROUTER-8: settings that the cluster agrees on reach every router, and sessions go on', async () => {
  const client = await connect('node-1');
  await cluster.run('node-1', { kind: 'set-router', settings: { poolSize: 7, split: true } });
  const isSet = (status: ClusterStatus) =>
    status.routers.every(({ traffic }) => traffic?.settings?.poolSize === 7 && traffic.settings.split);
  await cluster.until('every router follows', isSet);
  await client.query('SELECT 1');
  await expectQueue();
  await client.end();
  const wrong = { kind: 'set-router', settings: { poolSize: 0 } } as const;
  await expect(cluster.run('node-1', wrong)).rejects.toThrow(/poolSize/);
  await cluster.run('node-1', { kind: 'set-router', settings: { poolSize: null, split: null } });
  const { router } = await cluster.until('taken back', ({ router }) => Object.keys(router).length === 0);
  expect(router).toEqual({});
});

it('I-ROUTER-16: through every router strong reads are confirmed by whichever node leads, and wait when no majority can', async () => {
  const strong = '-c quantadb.consistency=strong';
  const clients = await Promise.all([...nodes, edge].map((node) => connect(node, strong)));
  for (const client of clients) expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  const { primary } = await cluster.untilHealthy();
  const others = nodes.filter((node) => node !== primary);
  const stop = (signal: NodeJS.Signals) => {
    for (const node of others) cluster.host(node).daemon?.kill(signal);
  };
  const [client] = clients.slice(nodes.indexOf(primary ?? ''));
  stop('SIGSTOP');
  let isAnswered = false;
  const waiting = client?.query('SELECT 1').then(() => {
    isAnswered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(isAnswered).toBe(false);
  stop('SIGCONT');
  await waiting;
  await Promise.all(clients.map((each) => each.end()));
  await cluster.untilHealthy();
});

it('I-ROUTER-7: a host that only routes has no vote and no data, and nothing waits for it', async () => {
  const { nodes: seen, advice } = await cluster.untilHealthy();
  const shown = {
    kind: 'router',
    role: 'router',
    state: 'routing',
    raft: 'learner',
    sync: 'none',
    address: null,
  };
  expect(seen.find(({ name }) => name === edge)).toMatchObject(shown);
  expect(advice).toBeNull();
  cluster.host(edge).daemon?.kill('SIGSTOP');
  const client = await connect('node-1');
  await client.query('INSERT INTO kept (client, n) VALUES (-1, 0)');
  await client.end();
  cluster.host(edge).daemon?.kill('SIGCONT');
  await cluster.run('node-1', { kind: 'remove-node', node: edge });
  const left = await cluster.untilHealthy();
  expect(left.nodes.map(({ name }) => name)).not.toContain(edge);
});
