import { describe, expect, it } from 'vitest';
import { lastCommitOf } from './wal-moments.ts';

describe('the last commit in a segment', () => {
  it('is cut to milliseconds, never rounded past the commit', () => {
    const line = (time: string) =>
      `rmgr: Transaction len (rec/tot): 46/ 46, tx: 7, lsn: 0/5000028, prev 0/4, desc: COMMIT ${time} UTC; inval msgs\n`;
    const text = `${line('2026-11-27 22:31:30.123456')}${line('2026-11-27 22:31:31.999999')}rmgr: Transaction desc: ABORT 2026-11-27 22:31:32 UTC`;
    expect(lastCommitOf(text)).toBe(Date.parse('2026-11-27T22:31:31.999Z'));
    expect(lastCommitOf('')).toBeNull();
  });
});
