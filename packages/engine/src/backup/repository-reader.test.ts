import { expect, it } from 'vitest';
import { retentionSchema } from '../contract/backup.ts';
import type { BackupEngine, StoredBackup, Verification } from './engine.ts';
import { RepositoryReader } from './repository-reader.ts';
import { walFromNote } from './retention.ts';

const segmentBytes = 16 * 1024 * 1024;
const wal = (number: number) => `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`;
const hour = 3_600_000;

function backup(label: string, number: number): StoredBackup {
  const start = (number * segmentBytes).toString(16).toUpperCase();
  return {
    ...{ label, type: 'full', prior: null, references: [], databaseId: 1, databaseBytes: 1, copiedBytes: 1 },
    ...{
      repositoryBytes: 1,
      hasPageErrors: false,
      notes: {},
      startMs: number * hour,
      stopMs: number * hour + 1,
    },
    ...{
      startLsn: `0/${start}`,
      stopLsn: `0/${start.slice(0, -2)}F0`,
      startWal: wal(number),
      stopWal: wal(number),
    },
  };
}

/** Backups in segments 2 and 4 of five. */
const engine = {
  inventory: async () => ({
    ...{ state: 'ok', detail: '', isLocked: false },
    systems: [{ id: 1, systemIdentifier: '7', postgresVersion: '15' }],
    backups: [backup('20261101-000000F', 2), backup('20261102-000000F', 4)],
  }),
  archive: async () => ({
    ...{ archiveId: '15-1', histories: [], duplicates: [] },
    segments: [1, 2, 3, 4, 5].map((number) => ({ name: wal(number), archivedAtMs: number, bytes: 1 })),
  }),
} as unknown as BackupEngine;

it('I-BACKUP-6: lets a backup go no earlier because a segment that it needs was found damaged, and tells which one', async () => {
  const problem = `invalid checksum: ${wal(2)}-${'a'.repeat(40)}.lz4`;
  const verified: Verification = {
    ...{ ok: false, other: [], wal: { checked: 5, valid: 4, problems: [problem] } },
    backups: ['20261101-000000F', '20261102-000000F'].map((label) => ({
      ...{ label, ok: true, checked: 1, valid: 1, problems: [] },
    })),
  };
  const context = {
    config: { retention: retentionSchema.parse({ fullCount: 2 }) },
    ...{ currentTimeline: 1, walKeptFrom: null, segmentBytes, nowMs: 9 * hour, verified },
  };
  const { catalogue, retention } = await new RepositoryReader(engine, null).read(context);
  expect(catalogue.unusable.map(({ label }) => label)).toEqual(['20261101-000000F']);
  expect(retention).toMatchObject({ expire: [], walKeptFrom: '20261101-000000F' });
  const { backups } = await new RepositoryReader(engine, null).view(context);
  expect(backups.map(({ isDamaged = false }) => isDamaged)).toEqual([true, false]);
});

it('WAL that retention let go is not told as lost, also when the cluster never heard how its removal ended', async () => {
  const [older, newer] = [backup('20261101-000000F', 2), backup('20261102-000000F', 4)];
  const kindsOf = async (notes: Record<string, string>, walKeptFrom: string | null) => {
    const inventory = async () => ({
      ...(await engine.inventory()),
      backups: [older, { ...newer, notes }],
    });
    const archive = async () => {
      const listing = await engine.archive();
      return { ...listing, segments: listing.segments.filter(({ name }) => name !== wal(3)) };
    };
    const { catalogue } = await new RepositoryReader({ ...engine, inventory, archive }, null).read({
      config: { retention: retentionSchema.parse({}) },
      ...{ currentTimeline: 1, walKeptFrom, segmentBytes, nowMs: 9 * hour, verified: null },
    });
    return catalogue.gaps.map(({ kind }) => kind);
  };
  expect(await kindsOf({}, older.label)).toEqual(['missing']);
  expect(await kindsOf({}, newer.label)).toEqual(['expired']);
  expect(await kindsOf({ [walFromNote]: 'yes' }, older.label)).toEqual(['expired']);
  expect(await kindsOf({ [walFromNote]: 'yes' }, null)).toEqual(['expired']);
});
