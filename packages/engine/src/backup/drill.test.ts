import { expect, it } from 'vitest';
import { shortWords } from './drill.ts';

it('I-BACKUP-7: tells of a recovery that ended before the WAL that is archived does, whatever PostgreSQL says', () => {
  const ended = { lsn: '0/5000100', lastCommitMs: Date.parse('2026-11-29T10:00:00Z') };
  expect(shortWords({ leastLsn: '0/5000000' }, ended)).toBeNull();
  expect(shortWords({}, ended)).toBeNull();
  expect(shortWords({ leastLsn: '0/6000000' }, ended)).toMatch(
    /recovery ended at 0\/5000100.*2026-11-29.*0\/6000000/,
  );
});
