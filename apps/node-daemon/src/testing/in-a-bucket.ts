import { testBucket } from '@quantadb/engine/backup/testing/test-bucket';
import { expect } from 'vitest';
import { configure, ledger, ledgerSql, opened, overview, run, sql, untilReached } from './backup-scene.ts';
import type { RealCluster } from './real-cluster.ts';
import { untilOver } from './told-alerts.ts';

/** A bucket that cannot be used is refused; one that can takes WAL and backups, and gives them back. */
export async function keepInBucket(cluster: RealCluster): Promise<void> {
  const { repository, secrets, store } = await testBucket(cluster);
  try {
    const s3 = (parts: object, keys = secrets) =>
      configure({ repository: { ...repository, ...parts }, secrets: { ...keys, cipherPass: 'kept' } });
    const encrypted = { encrypted: true };
    await expect(
      cluster.run('node-1', s3(encrypted, { ...secrets, s3KeySecret: 'another' })),
    ).rejects.toThrow(/403 \(Forbidden\).*check key, secret and region/s);
    // Nothing of it counts: WAL and backups go on to the repository of before.
    expect((await overview(cluster)).config?.repository.type).toBe('posix');
    await cluster.run('node-1', s3(encrypted));
    expect(await run(cluster, { kind: 'backup', type: 'full' })).toMatchObject({
      state: 'done',
      attempt: 1,
    });
    await sql(
      cluster,
      'CREATE TABLE ledger AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 500) i',
    );
    const good = await ledger(cluster);
    await cluster.run('node-1', { kind: 'create-restore-point', name: 'in the bucket' });
    await sql(cluster, "UPDATE ledger SET filler = 'a mistake'");
    const target = { kind: 'name', name: 'in the bucket' } as const;
    await untilReached(cluster, target);
    const job = await run(cluster, { kind: 'look', target });
    expect(job).toMatchObject({ state: 'done' });
    const { ask } = await opened(cluster);
    expect(await ask(ledgerSql)).toEqual([good]);
    await cluster.run('node-2', { kind: 'close-look' });
    expect(await run(cluster, { kind: 'verify' })).toMatchObject({
      ...{ state: 'done', result: { verification: { ok: true }, gaps: [] } },
    });
    await untilOver(cluster, 'backup-damaged');
    expect(store.names().some((name) => name.startsWith('quantadb/archive/demo/'))).toBe(true);
    expect((await overview(cluster)).repository).toMatchObject({ state: 'ok', gaps: [] });
  } finally {
    store.stop();
  }
}
