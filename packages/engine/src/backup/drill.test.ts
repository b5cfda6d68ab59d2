import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runDrill, shortWords } from './drill.ts';
import type { BackupEngine, StoredBackup } from './engine.ts';

it('I-BACKUP-7: tells of a recovery that ended before the WAL that is archived does, whatever PostgreSQL says', () => {
  const ended = { lsn: '0/5000100', lastCommitMs: Date.parse('2026-11-29T10:00:00Z') };
  expect(shortWords({ leastLsn: '0/5000000' }, ended)).toBeNull();
  expect(shortWords({}, ended)).toBeNull();
  expect(shortWords({ leastLsn: '0/6000000' }, ended)).toMatch(
    /recovery ended at 0\/5000100.*2026-11-29.*0\/6000000/,
  );
});

it('leaves nothing on the volume of the data when the restore fails or is cancelled', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'drill-'));
  const inside = (name: string) => join(directory, name);
  const engine = {
    restore: async ({ dataDir }: { dataDir: string }) => {
      await writeFile(join(dataDir, 'a-part'), 'of the copy');
      throw new Error('cancelled');
    },
  } as unknown as BackupEngine;
  const place = {
    ...{
      binDir: '/nowhere',
      dataDir: inside('data.scratch'),
      tablespaceDir: inside('data.scratch-tablespaces'),
    },
    ...{ runDir: inside('run'), logFile: inside('log'), osUser: null },
  };
  const drill = runDrill(engine, place, {
    ...{ backup: { label: 'b', databaseBytes: 0 } as StoredBackup, timeline: 1, target: { kind: 'latest' } },
    ...{ processes: 1, signal: AbortSignal.timeout(5000), checks: [] },
    ...{ onProgress: () => undefined, onStep: () => undefined },
  });
  await expect(drill).rejects.toThrow('cancelled');
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});
