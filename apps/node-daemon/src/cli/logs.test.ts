import { expect, it } from 'vitest';
import { logLines, type ToldLogEntry, unseen } from './logs.ts';

const entry = (atMs: number | null, text: string): ToldLogEntry => ({
  ...{ atMs, text, node: 'node-1', source: 'postgres', severity: 'info', pid: 1 },
});

it('shows further lines below the text', () => {
  const [first = '', second = ''] = logLines([entry(0, 'one\ntwo')]).split('\n');
  expect(first).toContain('1970-01-01T00:00:00.000Z  node-1  postgres  info');
  expect(second.indexOf('two')).toBe(first.indexOf('one'));
});

it('goes on with what was not shown yet, also when the same line comes again', () => {
  const before = [entry(1, 'a'), entry(2, 'b')];
  expect(unseen(before, [entry(2, 'b'), entry(2, 'b'), entry(3, 'c')])).toEqual([
    entry(2, 'b'),
    entry(3, 'c'),
  ]);
  expect(unseen(before, before)).toEqual([]);
});
