import { describe, expect, test } from 'vitest';
import { seededRandom } from '../shared/random.ts';
import { RaftStorage } from './storage.ts';
import { entriesOf, founder, hard, snapshotAt } from './testing/log-samples.ts';
import { MemoryDisk, type Survival } from './testing/memory-disk.ts';
import { directory, StorageDisk } from './testing/storage-disk.ts';
import type { HardState, PersistedState, Ready } from './types.ts';

type Step = (disk: StorageDisk) => void;

function saves(
  ready: Partial<Pick<Ready, 'entries' | 'snapshot' | 'mustSync'>> & { hardState: HardState },
): Step {
  return (disk) => disk.save({ entries: [], snapshot: null, mustSync: true, ...ready });
}

/** One of everything that is written, with conflicts, rolls and compactions in every order that matters. */
const history: Step[] = [
  saves({ hardState: hard(1, 1), entries: entriesOf(1, 2, 4) }),
  saves({ hardState: hard(2, 1, 3) }),
  saves({ hardState: hard(2, 3, 3), entries: entriesOf(2, 5, 9) }),
  saves({ hardState: hard(2, 4, 3), mustSync: false }),
  saves({ hardState: hard(3, 6), entries: entriesOf(3, 5, 6) }),
  (disk) => disk.keepSnapshot(snapshotAt(5, 3), 3),
  saves({ hardState: hard(3, 6), entries: entriesOf(3, 7, 8) }),
  saves({ hardState: hard(4, 8), entries: entriesOf(4, 9, 12) }),
  saves({ hardState: hard(5, 10), snapshot: snapshotAt(10, 5), entries: entriesOf(5, 11, 12) }),
  saves({ hardState: hard(5, 12), entries: entriesOf(5, 13, 14) }),
  saves({ hardState: hard(6, 30), snapshot: snapshotAt(30, 6) }),
  saves({ hardState: hard(6, 30, 2), entries: entriesOf(6, 31, 33) }),
  (disk) => disk.keepSnapshot(snapshotAt(32, 6), 32),
  saves({ hardState: hard(7, 33, 1), entries: entriesOf(7, 33, 34) }),
];

const founded: PersistedState = { hardState: hard(1, 1), snapshot: null, entries: entriesOf(1, 1, 1) };

function play(disk: StorageDisk): void {
  for (const step of history) step(disk);
}

describe('power failures', () => {
  const survivals: [string, number, () => Survival | { seed: number }][] = [
    ['nothing', 1, () => 'nothing'],
    ['everything', 1, () => 'everything'],
    ['any part', 12, () => ({ seed: 1 })],
  ];

  for (const [what, seeds, survivalOf] of survivals) {
    for (const segmentBytesMax of [1, 400, 1_000_000]) {
      test(`I-RAFT-5: between any two operations, where ${what} unsynced survives (segments of ${segmentBytesMax} bytes)`, () => {
        for (let seed = 1; seed <= seeds; seed += 1) {
          const base = survivalOf();
          const survival = typeof base === 'object' ? { seed } : base;
          losePowerEverywhere({ segmentBytesMax, survival });
        }
      });
    }
  }
});

/** After each failure the node goes on from what it found: entries that follow must be found as well. */
function losePowerEverywhere(options: {
  segmentBytesMax: number;
  survival: Survival | { seed: number };
}): void {
  for (let operations = 0, isDone = false; !isDone; operations += 1) {
    const disk = new StorageDisk({ id: 1, state: founded, ...options });
    disk.losePowerAfter(operations);
    isDone = !losesPower(disk, () => play(disk));
    goOn(disk);
  }
}

function losesPower(disk: { hasLostPower: boolean }, work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (disk.hasLostPower) return true;
    throw error;
  }
}

function goOn(disk: StorageDisk): void {
  for (let round = 0; round < 2; round += 1) {
    disk.restart();
    const term = disk.durable.hardState.term + 10;
    const { lastIndex } = disk.durable;
    disk.save({
      hardState: hard(term, 0),
      entries: entriesOf(term, lastIndex + 1, lastIndex + 2),
      snapshot: null,
      mustSync: true,
    });
  }
  disk.restart();
}

describe('power failures at the start', () => {
  const open = (disk: MemoryDisk): RaftStorage =>
    RaftStorage.open({ disk, directory, clusterId: 'one', raftId: 1, founder });

  test('I-RAFT-5: a first start that was interrupted anywhere is done again or complete', () => {
    for (let operations = 0, isDone = false; !isDone; operations += 1) {
      for (let seed = 1; seed <= 20; seed += 1) {
        const disk = new MemoryDisk();
        const random = seededRandom(seed);
        disk.losePowerAfter(operations);
        isDone = !losesPower(disk, () => open(disk));
        disk.losePower();
        disk.restorePower(random);
        expect(open(disk).initial.entries).toHaveLength(1);
        disk.losePower();
        disk.restorePower('nothing');
        expect(open(disk).initial.entries).toHaveLength(1);
      }
    }
  });

  test('I-RAFT-6: a recovery that was interrupted anywhere is done again', () => {
    for (let operations = 0, isDone = false; !isDone; operations += 1) {
      const disk = new MemoryDisk();
      open(disk).append({ hardState: hard(2, 1), entries: entriesOf(2, 2, 3), mustSync: true });
      disk.damage(`${directory}/log-000000000001.seg`, (content) => content.subarray(0, -1));
      disk.open(`${directory}/snapshot-0000000000000003.snap.new`).append(Buffer.from('half'));
      disk.losePowerAfter(operations);
      isDone = !losesPower(disk, () => open(disk));
      disk.losePower();
      disk.restorePower(seededRandom(operations));
      expect(open(disk).initial.entries).toHaveLength(1);
    }
  });
});
