import { expect, it } from 'vitest';
import { type BackupJob, noBackups } from '../contract/backup.ts';
import { backupStanding } from './proven.ts';

const drill = (endedAtMs: number, ok: boolean) =>
  ({
    state: 'done',
    endedAtMs,
    result: { kind: 'drill', drill: { findings: [{ what: 'a check', ok, detail: '' }] } },
  }) as unknown as BackupJob;

it('backups count as proven by the last drill that found everything whole', () => {
  expect(backupStanding({})).toEqual({ isSetUp: false, provenAtMs: null });
  const failed = { ...drill(30, true), state: 'failed' } as BackupJob;
  const pastJobs = [drill(10, true), drill(20, false), failed];
  expect(backupStanding({ backup: { ...noBackups, pastJobs } })?.provenAtMs).toBe(10);
});
