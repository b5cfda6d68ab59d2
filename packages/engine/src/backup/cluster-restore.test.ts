import { describe, expect, it } from 'vitest';
import type { RestoreSource } from '../contract/restore.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { ClusterRestore, parametersIn, segmentBytesOf, whyOtherRelease } from './cluster-restore.ts';
import type { BackupEngine, StoredBackup, Verification } from './engine.ts';

it('a repository of another major release is refused before anything is restored', () => {
  expect(whyOtherRelease('15')).toBeNull();
  expect(whyOtherRelease(null)).toBeNull();
  expect(whyOtherRelease('14')?.message).toBe(
    'the repository holds a database of PostgreSQL 14, and this host runs PostgreSQL 15',
  );
});

it('the size of a segment follows from where backups began, also on a host that has no data', () => {
  const began = (startLsn: string, last: string) => ({ startLsn, startWal: `0000000300000001${last}` });
  const megabyte = 1024 * 1024;
  expect(segmentBytesOf([])).toBe(16 * megabyte);
  expect(segmentBytesOf([began('1/5A000028', '0000005A')])).toBe(16 * megabyte);
  expect(segmentBytesOf([began('1/0000028', '00000000'), began('1/C4000060', '00000031')])).toBe(
    64 * megabyte,
  );
  expect(segmentBytesOf([began('1/C0000028', '00000003')])).toBe(1024 * megabyte);
});

describe('the parameters of restored data', () => {
  it('are what people had set, not what QuantaDB decides', () => {
    const text =
      "work_mem = '5MB'\nsynchronous_commit = 'on'\nprimary_conninfo = 'x'\nsearch_path = 'a''b'\n# c = 'd'\n";
    expect(parametersIn(text)).toEqual({ work_mem: '5MB', search_path: "a'b" });
  });
});

describe('a host that founds a cluster', () => {
  const [older, newer] = ['20261101-000000F', '20261102-000000F'] as const;
  const wal = (number: number) => `00000001000000000000000${number}`;
  const stored = (label: string, number: number): StoredBackup => ({
    ...{ label, type: 'full', prior: null, references: [], databaseId: 1, databaseBytes: 1, copiedBytes: 1 },
    ...{ repositoryBytes: 1, hasPageErrors: false, notes: {}, startMs: number, stopMs: number + 1 },
    ...{ startLsn: `0/${number}000028`, stopLsn: `0/${number}0000F0` },
    ...{ startWal: wal(number), stopWal: wal(number) },
  });
  const engine = {
    inventory: async () => ({
      ...{ state: 'ok', detail: '', isLocked: false },
      systems: [{ id: 1, systemIdentifier: '7', postgresVersion: '15' }],
      backups: [stored(older, 2), stored(newer, 4)],
    }),
    archive: async () => ({
      ...{ archiveId: '15-1', histories: [], duplicates: [] },
      segments: [2, 3, 4, 5].map((number) => ({ name: wal(number), archivedAtMs: number, bytes: 1 })),
    }),
  } as unknown as BackupEngine;

  class Restore extends ClusterRestore {
    protected override async engine(): Promise<BackupEngine> {
      return engine;
    }
  }
  const restoreFrom = (verified?: Verification) =>
    new Restore({} as NodePlace, {
      ...{ stanza: 'demo', repository: { type: 'posix', path: '/repo', encrypted: false } },
      secrets: { cipherPass: null, s3Key: null, s3KeySecret: null },
      known: { points: [], commitMs: null, ...(verified ? { verified } : {}) },
    } satisfies RestoreSource);
  const found: Verification = {
    ...{ ok: false, wal: { checked: 4, valid: 4, problems: [] }, other: [] },
    backups: [older, newer].map((label) => ({
      ...{ label, ok: label === older, checked: 5, valid: label === older ? 5 : 4, problems: [] },
    })),
  };
  const labelOf = async (restore: ClusterRestore) => {
    const planned = await restore.plan({ kind: 'latest' }, 9000);
    return planned.ok ? planned.plan.label : planned.refusal.message;
  };

  it('I-BACKUP-6: passes over the backup that the cluster of before knows to be damaged, as that one does', async () => {
    expect(await labelOf(restoreFrom())).toBe(newer);
    expect(await labelOf(restoreFrom(found))).toBe(older);
  });

  it('I-BACKUP-9: restores nothing but the backup that is left to it', async () => {
    const asked = { target: { kind: 'latest' as const }, way: { label: older, timeline: 1 } };
    const report = { nowMs: 9000, step: () => undefined, signal: AbortSignal.timeout(5000) };
    await expect(restoreFrom().run(asked, report)).rejects.toThrow(
      `the plan was to restore ${older} along timeline 1; by now it would be ${newer} along timeline 1`,
    );
  });
});
