import { describe, expect, it } from 'vitest';
import { cpuOf, hostFigures, memoryOf, withLook } from './host-figures.ts';
import { ratePerSecond, secondsUntilFull, secondsWatched, shareOf } from './rates.ts';
import { type ServerLook, serverFigures } from './server-figures.ts';

const interval = { fromMs: 1000, toMs: 6000 };
const mega = 1024 * 1024;

const look = (run: string, more: Partial<ServerLook['values']> = {}): ServerLook => ({
  run,
  values: {
    ...{ clients: 3, clients_max: 100, active: 1, idle_in_transaction: 0, waiting_for_locks: 0 },
    ...{ longest_transaction: 2, autovacuum_workers: 0, transaction_id_age: 50, slot_bytes: 0 },
    ...{ commits: 0, rollbacks: 0, rows_read: 0, rows_written: 0, blocks_read: 0, temp_bytes: 0 },
    ...{ deadlocks: 0, wal_bytes: 0, checkpoints: 0, blocks_hit: 0, ...more },
  },
});

describe('I-FIGURE-1: a rate is of one run of a server, and nothing is made up where there is none', () => {
  it('counts what has grown', () => {
    const before = look('a', { commits: 100, blocks_hit: 10, blocks_read: 10 });
    const now = look('a', { commits: 150, blocks_hit: 100, blocks_read: 20 });
    expect(serverFigures(before, now, interval)).toMatchObject({
      ...{ commitsPerSecond: 10, cacheHitShare: 0.9, blocksReadPerSecond: 2, clients: 3 },
    });
  });

  it('leaves rates out after a restart, a reset and at the first look', () => {
    const before = look('a', { commits: 100 });
    expect(serverFigures(before, look('b', { commits: 150 }), interval)).not.toHaveProperty(
      'commitsPerSecond',
    );
    expect(serverFigures(before, look('a', { commits: 1 }), interval).commitsPerSecond).toBeUndefined();
    expect(serverFigures(null, before, interval)).not.toHaveProperty('commitsPerSecond');
    expect(serverFigures(null, before, interval).clients).toBe(3);
    expect(ratePerSecond(1, 2, { fromMs: 5, toMs: 5 })).toBeUndefined();
    expect(shareOf(0, 0)).toBeUndefined();
  });
});

describe('I-FIGURE-2: when a volume is full is told only where it fills', () => {
  const at = (seconds: number, bytes: number) => ({ atMs: seconds * 1000, bytes });

  it('goes on as it did', () => {
    expect(secondsUntilFull([at(0, 1000 * mega), at(100, 900 * mega), at(200, 800 * mega)])).toBe(800);
  });

  it.each([
    ['too short a time', [at(0, 1000 * mega), at(100, 500 * mega)]],
    ['a little coming and going', [at(0, 1000 * mega), at(200, 990 * mega)]],
    ['more free than before', [at(0, 1000 * mega), at(200, 2000 * mega)]],
    ['one look', [at(0, 1000 * mega)]],
    ['no look', []],
  ])('%s', (_, looks) => {
    expect(secondsUntilFull(looks)).toBeUndefined();
  });

  it('forgets what is too old', () => {
    const host = { cpu: null, memory: null, disk: { totalBytes: 9, freeBytes: 5 }, load: 0 };
    expect(withLook([at(0, 1), at(500, 2)], host, 900_000)).toEqual([at(500, 2), at(900, 5)]);
  });

  it('says for how long it has watched', () => {
    expect(secondsWatched([at(0, 9), at(100, 8), at(190, 7)])).toBe(190);
    expect([secondsWatched([]), secondsWatched([at(0, 9)])]).toEqual([undefined, undefined]);
  });
});

describe('the host', () => {
  it('reads what the kernel tells', () => {
    const stat = 'cpu  100 10 50 800 40 0 5 5 0 0\ncpu0 1 2 3 4\n';
    expect(cpuOf(stat)).toEqual({ busy: 170, idle: 840 });
    expect(memoryOf('MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n')).toEqual({
      totalBytes: 2 * mega,
      availableBytes: mega,
    });
    expect([cpuOf('nothing'), memoryOf('')]).toEqual([null, null]);
  });

  it('tells the share of its cores that was busy', () => {
    const idle = { memory: null, disk: null, load: 1 };
    const before = { ...idle, cpu: { busy: 0, idle: 0 } };
    const now = { ...idle, cpu: { busy: 30, idle: 70 } };
    expect(hostFigures(before, now, []).cpuShare).toBe(0.3);
    expect(hostFigures(null, now, []).cpuShare).toBeUndefined();
  });
});
