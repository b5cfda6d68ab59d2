import { describe, expect, test } from 'vitest';
import {
  descendantsOf,
  type ProcessInfo,
  parseStat,
  readProcesses,
  readStat,
  realPathOf,
  strays,
} from './process-tree.ts';

const dataDir = '/data/pg';

function named(pid: number, ppid: number, more: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    ...{ pid, ppid, startTime: pid * 10, state: 'S', name: 'postgres', environMarked: false, cwd: '/' },
    ...more,
  };
}

const pidsOf = (processes: ProcessInfo[]) => processes.map((each) => each.pid).sort((a, b) => a - b);

describe('the family of a postmaster', () => {
  const postmaster = named(100, 50);

  test('are its children and theirs, and nobody else', () => {
    const family = [postmaster, named(101, 100), named(102, 101), named(103, 102), named(200, 50)];
    expect(pidsOf(descendantsOf(postmaster, family))).toEqual([101, 102, 103]);
  });

  test('leaves out zombies, but not their living children', () => {
    const family = [postmaster, named(101, 100, { state: 'Z' }), named(102, 101)];
    expect(pidsOf(descendantsOf(postmaster, family))).toEqual([102]);
  });

  test('is empty when its pid belongs to another process by now', () => {
    const impostor = named(100, 1, { startTime: 99_999 });
    expect(descendantsOf(postmaster, [impostor, named(101, 100)])).toEqual([]);
  });

  test('ends even if the list contradicts itself', () => {
    const circle = [named(100, 102), named(101, 100), named(102, 101)];
    expect(pidsOf(descendantsOf(postmaster, circle))).toEqual([101, 102]);
  });
});

describe('strays', () => {
  const belonging = { dataDir, ownPid: 7 };

  test('carry the mark, or are a postgres process in the data directory', () => {
    const processes = [
      named(1, 0),
      named(2, 1, { environMarked: true, name: 'sleep' }),
      named(3, 1, { cwd: dataDir }),
      named(4, 1, { cwd: `${dataDir} (deleted)` }),
    ];
    expect(pidsOf(strays(processes, belonging))).toEqual([2, 3, 4]);
  });

  test('are not: a shell in the data directory, another server, the dead, the one who asks', () => {
    const processes = [
      named(2, 1, { cwd: dataDir, name: 'bash' }),
      named(3, 1, { cwd: `${dataDir}-2` }),
      named(4, 1, { cwd: null }),
      named(5, 1, { environMarked: true, state: 'Z' }),
      named(7, 1, { environMarked: true }),
    ];
    expect(strays(processes, belonging)).toEqual([]);
  });

  test('are told by the mark alone when the data directory may be in use by another', () => {
    const processes = [named(2, 1, { cwd: dataDir }), named(3, 1, { environMarked: true })];
    expect(pidsOf(strays(processes, { dataDir: null, ownPid: 7 }))).toEqual([3]);
  });
});

describe('/proc', () => {
  test('a program name with spaces and parentheses does not shift the fields', () => {
    const after = Array.from({ length: 15 }, (_, index) => index + 7).join(' ');
    const text = `4711 (a) R (b) D 12 4711 4711 ${after} 887766 0 0`;
    expect(parseStat(text)).toEqual({ pid: 4711, ppid: 12, startTime: 887_766, state: 'D', name: 'a) R (b' });
    expect(parseStat('')).toBeNull();
    expect(parseStat('12 (half) S 1')).toBeNull();
  });

  test('shows this process with its parent and working directory', () => {
    const own = readProcesses('nobody-has-this-mark').find((each) => each.pid === process.pid);
    expect(own).toMatchObject({ ppid: process.ppid, environMarked: false, cwd: process.cwd() });
    expect(readStat(2 ** 22 + 1)).toBeNull();
  });

  test('a path that does not exist yet stays as it is', () => {
    expect(realPathOf('/nonexistent/data')).toBe('/nonexistent/data');
  });
});
