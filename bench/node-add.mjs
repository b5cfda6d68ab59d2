// Adds the spare host to a cluster that holds some data, next to a bare pg_basebackup of the same data. Prints JSON:
// seconds of each, and their ratio (above 1: adding a node is faster). Arguments: gigabytes, rounds.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';

const gigabytes = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 3);
const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const names = ['node-1', 'node-2', 'node-3', 'spare-1'];
const cluster = await RealCluster.create(names);

const secondsOf = async (work) => {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
};

/** As the replication role does it: with the host's certificate, to a directory on the same disk. */
function bareBackup(primary) {
  const { tls } = cluster.host('spare-1').config;
  const target = join(cluster.directory, 'bare');
  const key = join(cluster.directory, 'bare.key');
  const isRoot = process.getuid() === 0;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { mode: 0o700 });
  execFileSync('cp', [tls.key, key]);
  execFileSync('chmod', ['600', key]);
  const ids = isRoot
    ? ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres']).toString()))
    : null;
  if (ids) for (const path of [target, key]) chownSync(path, ...ids);
  const connection = `host=127.0.0.1 port=${cluster.portOf(primary)} user=quantadb_replication sslmode=require sslcert=${tls.cert} sslkey=${key}`;
  const args = ['-D', target, '-d', connection, '--checkpoint=fast', '--wal-method=stream'];
  execFileSync(join(binDir, 'pg_basebackup'), args, ids ? { uid: ids[0], gid: ids[1] } : {});
  execFileSync('sync', ['-f', target]);
  rmSync(target, { recursive: true, force: true });
}

try {
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
  const { name: primary } = await cluster.primary();
  const client = await cluster.connect(primary);
  await client.query('CREATE TABLE bulk (id bigint, filler text)');
  const rowsPerGigabyte = 1_040_000;
  await client.query(
    `INSERT INTO bulk SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, ${Math.round(rowsPerGigabyte * gigabytes)}) n`,
  );
  const { rows } = await client.query('SELECT sum(pg_database_size(datname)) AS bytes FROM pg_database');
  await client.end();
  const added = [];
  const bare = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await secondsOf(async () => bareBackup(primary)));
    added.push(await secondsOf(() => cluster.addNode('node-1', 'spare-1')));
    await cluster.run('node-1', { kind: 'remove-node', node: 'spare-1' });
  }
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  console.log(
    JSON.stringify({
      bytes: Number(rows[0].bytes),
      addNodeSeconds: added.map((s) => Number(s.toFixed(2))),
      bareBackupSeconds: bare.map((s) => Number(s.toFixed(2))),
      ratio: Number((median(bare) / median(added)).toFixed(3)),
    }),
  );
} finally {
  await cluster.cleanUp();
}
process.exit(0);
