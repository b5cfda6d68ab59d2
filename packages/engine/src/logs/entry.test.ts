import { describe, expect, it } from 'vitest';
import { daemonEntry, entriesOf, isWanted, postgresEntry } from './entry.ts';

describe('entries of PostgreSQL', () => {
  it('have a moment, a severity and a process', () => {
    const line = '2026-11-28 13:05:01.123 UTC [4711] FATAL:  the database system is starting up';
    expect(postgresEntry(line)).toEqual({
      entry: {
        atMs: Date.UTC(2026, 10, 28, 13, 5, 1, 123),
        severity: 'fatal',
        pid: 4711,
        text: 'FATAL:  the database system is starting up',
      },
      isMore: false,
    });
  });

  it('keep their further lines, with a prefix of their own and without', () => {
    const prefix = '2026-11-28 13:05:01.123 UTC [4711]';
    const lines = [
      `${prefix} ERROR:  relation "t" does not exist at character 15`,
      `${prefix} STATEMENT:  SELECT *`,
      '\tFROM t',
      `${prefix} LOG:  next`,
    ];
    const [first, second, ...others] = entriesOf(lines, postgresEntry);
    expect(first).toMatchObject({ severity: 'error' });
    expect(first?.text).toContain('STATEMENT:  SELECT *\n\tFROM t');
    expect(second).toMatchObject({ severity: 'info', text: 'LOG:  next' });
    expect(others).toEqual([]);
  });

  it('of another zone have no moment rather than a wrong one', () => {
    const line = '2026-11-28 14:05:01.123 CET [4711] LOG:  hello';
    expect(postgresEntry(line).entry).toMatchObject({ atMs: null, severity: 'info', pid: 4711 });
  });

  it('with a prefix that somebody has chosen keep their severity', () => {
    const line =
      '2026-11-28 13:05:01.123 UTC [4711] shop@orders WARNING:  there is no transaction in progress';
    expect(postgresEntry(line).entry).toMatchObject({ severity: 'warning' });
  });
});

describe('entries of the daemon', () => {
  it('say what was told beside the message', () => {
    const line = JSON.stringify({
      level: 40,
      time: 5,
      pid: 7,
      hostname: 'h',
      node: 'n',
      msg: 'slow',
      tookMs: 9,
    });
    expect(daemonEntry(line).entry).toEqual({
      atMs: 5,
      severity: 'warning',
      pid: 7,
      text: 'slow · tookMs=9',
    });
  });

  it('that are no JSON are what a program said on its way down', () => {
    expect(daemonEntry('Segmentation fault').entry).toMatchObject({ severity: 'error', atMs: null });
    expect(daemonEntry('{"level":').entry).toMatchObject({ text: '{"level":' });
  });
});

it('finds by text, severity and moment', () => {
  const entry = { atMs: 1000, severity: 'warning', pid: null, text: 'Standby is SLOW' } as const;
  const all = { search: '', atLeast: 'debug', untilMs: null } as const;
  expect(isWanted(entry, all)).toBe(true);
  expect(isWanted(entry, { ...all, search: 'is slow' })).toBe(true);
  expect(isWanted(entry, { ...all, search: 'fast' })).toBe(false);
  expect(isWanted(entry, { ...all, atLeast: 'error' })).toBe(false);
  expect(isWanted(entry, { ...all, untilMs: 999 })).toBe(false);
});
