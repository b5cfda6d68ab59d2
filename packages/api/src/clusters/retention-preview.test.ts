import { retentionSchema } from '@quantadb/engine/contract/backup';
import type { RepositoryView } from '@quantadb/engine/contract/backup-view';
import { expect, test } from 'vitest';
import { ofRepository, previewRetention } from './retention-preview.ts';

type Backup = RepositoryView['backups'][number];
const dayMs = 86_400_000;

function full(day: number): Backup {
  const label = `202611${String(day).padStart(2, '0')}-010000F`;
  return {
    ...{ label, type: 'full', prior: null, references: [], startMs: day * dayMs, stopMs: day * dayMs + 1000 },
    ...{ startLsn: '0/1', stopLsn: '0/2', startWal: '0', stopWal: '0', databaseId: 1, databaseBytes: 10 },
    ...{ copiedBytes: 10, repositoryBytes: 5, hasPageErrors: false, notes: {}, unusable: null },
    ...{ keptBecause: [], goes: null },
  };
}

test('a preview says of every backup what becomes of it now and by other rules', () => {
  const rules = {
    today: retentionSchema.parse({ fullCount: 3 }),
    changed: retentionSchema.parse({ fullCount: 1 }),
  };
  const preview = previewRetention({ backups: [1, 2, 3].map(full) }, rules, 4 * dayMs);
  expect(preview.map(({ label, today, changed }) => [label.slice(6, 8), today.goes, changed.goes])).toEqual([
    ['03', { kind: 'after-fulls', fulls: 3 }, { kind: 'after-fulls', fulls: 1 }],
    ['02', { kind: 'after-fulls', fulls: 2 }, null],
    ['01', { kind: 'after-fulls', fulls: 1 }, null],
  ]);
  expect(preview[2]?.changed.because).toEqual(['it is not among the newest 1']);
});

test('I-BACKUP-6: a preview lets no backup go earlier because it was found damaged', () => {
  const rules = retentionSchema.parse({ fullCount: 3 });
  const damaged = { ...full(1), unusable: 'a file of it is damaged', isDamaged: true };
  const preview = previewRetention(
    { backups: [damaged, full(2), full(3)] },
    { today: rules, changed: rules },
    0,
  );
  expect(preview.map(({ label, today }) => [label.slice(6, 8), today.goes])).toEqual([
    ['03', { kind: 'after-fulls', fulls: 3 }],
    ['02', { kind: 'after-fulls', fulls: 2 }],
    ['01', { kind: 'after-fulls', fulls: 1 }],
  ]);
});

test('a preview is of one repository: others have backups and rules of their own', () => {
  const of = (day: number, repository: number) => ({ ...full(day), repository });
  const view = { backups: [of(1, 1), of(2, 2), of(3, 1), full(4)] };
  const labels = (number: number) => ofRepository(view, number).backups.map(({ label }) => label.slice(6, 8));
  expect(labels(1)).toEqual(['01', '03', '04']);
  expect(labels(2)).toEqual(['02']);
});
