import { describe, expect, it } from 'vitest';
import { owedWords } from './archive-watch.ts';
import { lackedOf } from './owed.ts';

const wal = (number: number, timeline = 1) =>
  `${String(timeline).padStart(8, '0')}00000000${number.toString(16).toUpperCase().padStart(8, '0')}`;

describe('what a repository lacks', () => {
  it('I-REPOSITORY-5: is what any other has and it has not, from its newest backup on, across timelines', () => {
    const own = { segments: [1, 2, 5].map((each) => wal(each)), newestBackupWal: wal(2) };
    const others = [[1, 2, 3, 4, 5, 6].map((each) => wal(each)), [wal(7, 2), `${wal(7)}.partial`]];
    expect(lackedOf(own, others)).toEqual([wal(3), wal(4), wal(6), wal(7, 2)]);
  });

  it('leaves what is older than its newest backup, and a new one everything before its first segment', () => {
    const others = [[1, 2, 3, 4].map((each) => wal(each))];
    expect(lackedOf({ segments: [wal(3)], newestBackupWal: wal(3) }, others)).toEqual([wal(4)]);
    expect(lackedOf({ segments: [wal(2)], newestBackupWal: null }, others)).toEqual([wal(3), wal(4)]);
    expect(lackedOf({ segments: [], newestBackupWal: null }, others)).toEqual([]);
  });

  it('is told with its count, since when, and why', () => {
    const debt = { repository: 2, segments: 3, isMore: false, sinceMs: 0, detail: 'it is\n away' };
    expect(owedWords(debt)).toMatch(/^Repository 2 is owed 3 segments of WAL since .*\(it is away\)\./);
    expect(owedWords({ ...debt, isMore: true, detail: '' })).toContain('more than 3 segments');
  });
});
