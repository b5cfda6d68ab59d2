import { describe, expect, it } from 'vitest';
import { parametersIn, segmentBytesOf, whyOtherRelease } from './cluster-restore.ts';

it('a repository of another major release is refused before anything is restored', () => {
  expect(whyOtherRelease('15')).toBeNull();
  expect(whyOtherRelease(null)).toBeNull();
  expect(whyOtherRelease('14')?.message).toBe(
    'the repository holds a database of PostgreSQL 14, and this host runs PostgreSQL 15',
  );
});

it('the size of a segment follows from where backups began, also on a host that has no data', () => {
  const began = (startLsn: string, last: string) => ({ startLsn, startWal: `0000000300000001${last}` });
  const megabyte = 1024 * 1024;
  expect(segmentBytesOf([])).toBe(16 * megabyte);
  expect(segmentBytesOf([began('1/5A000028', '0000005A')])).toBe(16 * megabyte);
  expect(segmentBytesOf([began('1/0000028', '00000000'), began('1/C4000060', '00000031')])).toBe(
    64 * megabyte,
  );
  expect(segmentBytesOf([began('1/C0000028', '00000003')])).toBe(1024 * megabyte);
});

describe('the parameters of restored data', () => {
  it('are what people had set, not what QuantaDB decides', () => {
    const text =
      "work_mem = '5MB'\nsynchronous_commit = 'on'\nprimary_conninfo = 'x'\nsearch_path = 'a''b'\n# c = 'd'\n";
    expect(parametersIn(text)).toEqual({ work_mem: '5MB', search_path: "a'b" });
  });
});
