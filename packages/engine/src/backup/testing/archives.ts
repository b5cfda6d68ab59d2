import { buildCatalogue, type Catalogue, type CatalogueInput } from '../catalogue.ts';
import type { StoredBackup } from '../engine.ts';

/** Archives in few words: segments of 16 MB by timeline and number. */

export const mb = 1024 * 1024;
export const wal = (timeline: number, number: number) =>
  `${timeline.toString(16).toUpperCase().padStart(8, '0')}00000000${number.toString(16).toUpperCase().padStart(8, '0')}`;
export const lsn = (number: number, offset = 0x28) =>
  `0/${(number * 16 * mb + offset).toString(16).toUpperCase()}`;

export function archive(...runs: [timeline: number, from: number, to: number][]): CatalogueInput['listing'] {
  const names = runs.flatMap(([timeline, from, to]) =>
    Array.from({ length: to - from + 1 }, (_, at) => wal(timeline, from + at)),
  );
  const segments = names.map((name) => ({ name, archivedAtMs: 0, bytes: 1 }));
  return { archiveId: '15-1', segments, histories: [], duplicates: [] };
}

/** A backup that ran through segments `from` to `to` of a timeline. */
export function backup(label: string, timeline: number, from: number, to = from): StoredBackup {
  return {
    ...{ label, type: 'full', prior: null, references: [], databaseId: 1, databaseBytes: 1, copiedBytes: 1 },
    ...{ repositoryBytes: 1, hasPageErrors: false, notes: {} },
    ...{ startMs: from * 1000, stopMs: to * 1000 + 500, startLsn: lsn(from), stopLsn: lsn(to, 0x100) },
    ...{ startWal: wal(timeline, from), stopWal: wal(timeline, to) },
  };
}

export function catalogue(change: Partial<CatalogueInput>): Catalogue {
  return buildCatalogue({
    ...{ listing: archive(), histories: new Map(), backups: [], segmentBytes: 16 * mb },
    ...{ currentTimeline: null, walKeptFrom: null },
    ...change,
  });
}
