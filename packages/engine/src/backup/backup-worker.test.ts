import { describe, expect, it } from 'vitest';
import { type BackupConfig, type GuestRestore, retentionSchema } from '../contract/backup.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { systemClock } from '../shared/clock.ts';
import { BackupWorker } from './backup-worker.ts';
import type { BackupEngine, BackupType, ExpireRequest, StoredBackup } from './engine.ts';
import { type ReadingContext, RepositoryReader } from './repository-reader.ts';
import { holdNote, walFromNote } from './retention.ts';

const full = '20261101-000000F';

/** Makes a backup of a repository whose retention is as given. */
async function backUp(
  type: BackupType,
  given: {
    walKeptFrom: string | null;
    expire?: string[];
    isAway?: boolean;
    backups?: StoredBackup[];
    heldMeanwhile?: StoredBackup[];
  },
) {
  const asked: string[] = [];
  const engine = {
    backup: async () => {
      asked.push('backup');
      return { ok: true, label: `${full}-new`, type, warnings: [] };
    },
    annotate: async (label: string, notes: Record<string, string>) => {
      asked.push(`note ${label} ${Object.keys(notes).join()}`);
    },
    expire: async ({ labels, spared }: ExpireRequest) => {
      asked.push(`expire ${labels.join()}`);
      const held = [...(spared?.(given.heldMeanwhile ?? []) ?? [])];
      return labels.filter((label) => held.includes(label));
    },
  } as unknown as BackupEngine;
  const reader = {
    read: async () => {
      asked.push('read');
      if (given.isAway) throw new Error('it is away');
      const expire = (given.expire ?? []).map((label) => ({ label, why: '' }));
      return {
        inventory: { backups: given.backups ?? [] },
        retention: { expire, walKeptFrom: full, fullsWithWal: 1, keep: [] },
      };
    },
  } as unknown as RepositoryReader;
  const worker = new BackupWorker({
    ...{ place: { nodeName: 'node-1' } as NodePlace, clock: systemClock },
    config: () => ({ impact: { processes: 1 } }) as BackupConfig,
    ...{ reader: () => reader, engine: async () => engine, hasSeveral: () => false },
    context: async () => ({ walKeptFrom: given.walKeptFrom }) as ReadingContext,
    guests: () => [],
    planRestore: () => Promise.reject(new Error('nothing is restored')),
  });
  const warnings: string[] = [];
  const result = await worker.work(
    {
      id: 'j',
      attempt: 1,
      work: { kind: 'backup', type },
      primary: null,
      requestedBy: 'x',
      scheduleId: null,
    },
    { step: () => undefined, progress: () => undefined, warn: (words) => warnings.push(words) },
    AbortSignal.timeout(5000),
  );
  return { asked: asked.filter((each) => each !== 'backup'), result, warnings };
}

describe('retention after a backup', () => {
  it('is worked out while one is made that lets nothing go, and holds nobody up then', async () => {
    const { asked, result } = await backUp('incr', { walKeptFrom: full });
    expect(asked).toEqual(['read']);
    expect(result).toMatchObject({ expired: [], walKeptFrom: full });
  });

  it('is carried out by what is there afterwards when there is something to do, or it is not known', async () => {
    const old = '20261001-000000F';
    expect((await backUp('diff', { walKeptFrom: full, expire: [old] })).asked.at(-1)).toBe(`expire ${old}`);
    expect((await backUp('incr', { walKeptFrom: old })).asked.at(-1)).toBe('expire ');
    expect((await backUp('incr', { walKeptFrom: null })).asked.at(-1)).toBe('expire ');
    const away = await backUp('incr', { walKeptFrom: full, isAway: true });
    expect(away.asked).toEqual(['read', 'read']);
    expect(away.warnings.join()).toContain('old backups were not removed');
  });

  it('is always carried out after a full one, which also takes what failed runs have left', async () => {
    expect((await backUp('full', { walKeptFrom: full })).asked).toEqual(['read', 'expire ']);
  });

  it('says in the repository from where on WAL is kept before any is removed, once', async () => {
    const kept = { label: full, notes: {} } as unknown as StoredBackup;
    const { asked } = await backUp('full', { walKeptFrom: null, backups: [kept] });
    expect(asked).toEqual(['read', `note ${full} ${walFromNote}`, 'expire ']);
    const noted = { label: full, notes: { [walFromNote]: 'yes' } } as unknown as StoredBackup;
    expect((await backUp('full', { walKeptFrom: null, backups: [noted] })).asked).toEqual([
      'read',
      'expire ',
    ]);
  });

  it('I-BACKUP-4: spares what was held while it was being carried out', async () => {
    const old = { label: '20261001-000000F', type: 'full', prior: null, references: [] as string[] };
    const held = { ...old, notes: { [holdNote]: 'for the auditors' } } as unknown as StoredBackup;
    const asked = { walKeptFrom: full, expire: [old.label, '20261002-000000F'], heldMeanwhile: [held] };
    expect((await backUp('full', asked)).result).toMatchObject({ expired: ['20261002-000000F'] });
  });
});

describe('a backup that a new cluster is restored from', () => {
  const stored = (label: string, stopMs: number): StoredBackup =>
    ({
      ...{
        label,
        type: 'full',
        prior: null,
        references: [],
        notes: {},
        databaseId: 1,
        startMs: stopMs,
        stopMs,
      },
      ...{ startLsn: '0/1', stopLsn: '0/2', startWal: '', stopWal: '', hasPageErrors: false },
    }) as unknown as StoredBackup;
  const backups = [stored('20261101-000000F', 1000), stored('20261102-000000F', 2000)];
  const guest: GuestRestore = { host: 'spare', repository: 1, label: '20261101-000000F', untilMs: 9000 };

  /** What the engine is asked for when retention keeps one full backup. */
  async function expired(noted: GuestRestore[], notedMeanwhile = noted): Promise<ExpireRequest> {
    let asked: ExpireRequest | null = null;
    const engine = {
      inventory: async () => ({ state: 'ok', detail: '', isLocked: false, systems: [], backups }),
      archive: async () => ({ archiveId: null, segments: [], histories: [], duplicates: [] }),
      annotate: async () => undefined,
      expire: async (request: ExpireRequest) => {
        asked = request;
        return [];
      },
    } as unknown as BackupEngine;
    const worker = new BackupWorker({
      ...{ place: { nodeName: 'node-1' } as NodePlace, clock: systemClock },
      config: () => ({ impact: { processes: 1 } }) as BackupConfig,
      ...{ engine: async () => engine, reader: () => new RepositoryReader(engine, null) },
      context: async () => ({
        config: { retention: retentionSchema.parse({ fullCount: 1 }) },
        ...{ currentTimeline: 1, walKeptFrom: null, segmentBytes: 16, nowMs: 3000, verified: null },
        guests: noted,
      }),
      ...{ guests: () => notedMeanwhile, hasSeveral: () => false },
      planRestore: () => Promise.reject(new Error('nothing is restored')),
    });
    const order = { id: 'j', attempt: 1, work: { kind: 'expire' as const }, primary: null };
    const report = { step: () => undefined, progress: () => undefined, warn: () => undefined };
    await worker.work({ ...order, requestedBy: 'x', scheduleId: null }, report, AbortSignal.timeout(5000));
    if (!asked) throw new Error('nothing was asked for');
    return asked;
  }

  it('I-BACKUP-9: stays, with all WAL since', async () => {
    expect(await expired([])).toMatchObject({ labels: ['20261101-000000F'], fullsWithWal: 1 });
    expect(await expired([guest])).toMatchObject({ labels: [], fullsWithWal: 2 });
  });

  it('I-BACKUP-9: stays also when that begins while others are removed', async () => {
    const { labels, spared, withWal } = await expired([], [guest]);
    expect(labels).toEqual([guest.label]);
    expect([...(spared?.(backups) ?? [])]).toEqual([guest.label]);
    expect([...(withWal?.(backups) ?? [])]).toEqual([guest.label]);
  });
});
