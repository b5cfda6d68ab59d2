import { chown, mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { freePort } from '@quantadb/engine/testing/free-port';
import { expect } from 'vitest';
import { osUserNamed } from '../preflight/os-user.ts';
import { configure, ledger, ledgerOf, overview, repositoryOf, run, sql, superuser } from './backup-scene.ts';
import type { RealCluster } from './real-cluster.ts';
import { untilOver, untilTold } from './told-alerts.ts';

type Seen = { seen: BackupOverview; own: BackupOverview['repositories'][number] | undefined };

/** Until it holds of what is seen of the backups, and of the second repository. */
async function until(
  cluster: RealCluster,
  what: string,
  via: string,
  holds: (now: Seen) => boolean,
): Promise<Seen> {
  const look = async () => {
    const seen = await overview(cluster, via);
    const now = { seen, own: seen.repositories.find(({ number }) => number === 2) };
    return holds(now) ? now : undefined;
  };
  return pollUntil(look, { what, timeoutMs: 90_000, intervalMs: 500 });
}

/** One byte of a stored file is another one, as on a disk that rots. */
async function damage(repository: string): Promise<void> {
  const directory = join(repository, 'backup/demo');
  const label = (await readdir(directory)).find((name) => /^\d{8}-\d{6}F$/.test(name)) ?? '';
  const [bundle = ''] = await readdir(join(directory, label, 'bundle'));
  const file = await open(join(directory, label, 'bundle', bundle), 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, Math.floor(size / 2));
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, Math.floor(size / 2));
  await file.close();
}

async function expectDamageTold(cluster: RealCluster, second: string, via: string): Promise<void> {
  await damage(second);
  expect(await run(cluster, { kind: 'verify', repository: 2 }, via)).toMatchObject({ state: 'done' });
  expect(await untilTold(cluster, 'backup-damaged', { via })).toMatch(
    /^The repository of demo is damaged: .*What can/,
  );
}

/** A second repository, on the disk of a host, is added, is away over a failover, is paid, and restores alone; then it is taken off again. */
export async function loseOneOfTwo(cluster: RealCluster): Promise<void> {
  const [first, second] = [repositoryOf(cluster), join(cluster.directory, 'second')];
  const user = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  await mkdir(second);
  if (user) await chown(second, user.uid, user.gid);
  // Beside a directory that all of them reach one on the disk of a host, which the others reach through its server.
  const port = await freePort();
  const repository = { type: 'host', host: 'node-3', port, path: second, encrypted: true };
  const secrets = { cipherPass: 'a passphrase of another' };
  await cluster.run('node-2', configure({ number: 2, repository, secrets }));
  expect(await run(cluster, { kind: 'backup', type: 'incr', repository: 2 })).toMatchObject({
    ...{ state: 'done', result: { kind: 'backup', type: 'full' } },
  });
  await sql(
    cluster,
    'CREATE TABLE ledger AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 500) i',
  );
  const before = (await cluster.primary()).name;
  await rename(second, `${second}.away`);
  await superuser(cluster, before, 'SELECT pg_switch_wal()');
  const owing = await until(cluster, 'it is owed', 'node-3', ({ own }) => (own?.owed?.segments ?? 0) > 0);
  expect(owing.own?.problem).not.toBeNull();
  expect(owing.seen.archiving).toMatchObject({ failingSinceMs: null, waitingSegments: 0 });
  expect(owing.seen.repository?.state).toBe('ok');
  expect(await untilTold(cluster, 'repository-owed', { limits: { minutes: 0 } })).toContain(
    'Repository 2 of demo is owed',
  );

  // Whoever is the next primary knows nothing of the debt.
  await cluster.killNode(before);
  await cluster.until('another primary', ({ primary }) => primary !== null && primary !== before);
  const via = (await cluster.primary()).name;
  await sql(cluster, "UPDATE ledger SET filler = 'changed' WHERE i % 3 = 0");
  await cluster.startDaemon(before);
  await rename(`${second}.away`, second);
  await superuser(cluster, via, 'SELECT pg_switch_wal()');
  const good = await ledger(cluster, via);
  const paid = await until(cluster, 'it is paid', via, ({ own, seen }) => {
    const one = seen.repositories.find(({ number }) => number === 1);
    return own?.owed === null && own.missingSegments === 0 && own.newest?.lsn === one?.newest?.lsn;
  });
  expect(paid.seen.repositories.map(({ missingSegments }) => missingSegments)).toEqual([0, 0]);
  await cluster.untilHealthy();

  await rename(first, `${first}.away`);
  const target = { kind: 'latest' } as const;
  const planning = await cluster.host(via).client.planRestore({ source: null, target });
  expect(planning).toMatchObject({ ok: true, plan: { repository: 2 } });
  expect(await run(cluster, { kind: 'look', target }, via)).toMatchObject({ state: 'done' });
  const { look, problem } = await overview(cluster, via);
  expect(problem).toMatch(/repository 1/);
  expect(await untilTold(cluster, 'repository-unreadable', { via })).toContain('cannot be read');
  const place = { runDir: look?.socketDir ?? '', port: look?.port ?? 0 };
  const options = { what: 'a look', timeoutMs: 10_000, database: 'app' };
  const found = await withFreshConnection(place, options, (client) => ledgerOf(client));
  expect(found).toEqual(good);
  await cluster.run('node-2', { kind: 'close-look' });

  await rename(`${first}.away`, first);
  await until(cluster, 'nothing is owed', via, ({ seen }) =>
    seen.repositories.every(({ owed }) => owed === null),
  );
  for (const rule of ['repository-owed', 'repository-unreadable'])
    await untilOver(cluster, rule, { via, limits: { minutes: 0 } });
  await expectDamageTold(cluster, second, via);
  await cluster.run('node-2', configure({ number: 2, takeOff: true }));
  expect((await overview(cluster)).repositories).toEqual([]);
  await sql(cluster, 'DROP TABLE ledger');
}
