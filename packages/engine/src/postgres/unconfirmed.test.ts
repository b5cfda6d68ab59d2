import { describe, expect, it } from 'vitest';
import { parseLsn } from './lsn.ts';
import { firstUnconfirmed, recordsOf } from './unconfirmed.ts';

const segmentBytes = 16 * 1024 * 1024;
const mark = 'probe';
const message = 'MESSAGE transactional, prefix "quantadb"; payload (5 bytes): 70 72 6F 62 65';

function line(manager: string, at: { transaction: number; lsn: string }, description: string): string {
  const tx = String(at.transaction).padStart(10);
  return `rmgr: ${manager.padEnd(11)} len (rec/tot):     34/    34, tx: ${tx}, lsn: ${at.lsn}, prev 0/01500790, desc: ${description}`;
}

function judge(lines: string[], confirmed = '0/1500000') {
  const records = recordsOf(lines.join('\n'), segmentBytes);
  return firstUnconfirmed(records, { confirmedLsn: parseLsn(confirmed), mark });
}

describe('I-DEGRADE-1: after the confirmed position', () => {
  it('a commit and a prepared transaction are unconfirmed, and named', () => {
    expect(
      judge([line('Transaction', { transaction: 725, lsn: '0/01516600' }, 'COMMIT 2026-01-02')]),
    ).toEqual({
      kind: 'found',
      lsn: '0/1516600',
      transaction: 725,
      record: 'commit',
    });
    const prepared = line('Transaction', { transaction: 7, lsn: '0/01516600' }, 'PREPARE gid x: 2026-01-02');
    expect(judge([prepared])).toMatchObject({ record: 'prepared transaction' });
    const settled = line('Transaction', { transaction: 0, lsn: '0/01516600' }, 'COMMIT_PREPARED 725: 2026');
    expect(judge([settled])).toMatchObject({ kind: 'found' });
  });

  it('probes of this host, aborts and WAL of other kinds make nothing visible', () => {
    const lines = [
      line('LogicalMessage', { transaction: 724, lsn: '0/01500790' }, message),
      line('Transaction', { transaction: 724, lsn: '0/015007D0' }, 'COMMIT 2026-01-02'),
      line('Transaction', { transaction: 730, lsn: '0/01500800' }, 'ABORT 2026-01-02'),
    ];
    expect(judge(lines)).toEqual({ kind: 'none' });
  });

  it('the message of another is no probe', () => {
    const other = message.replace('65', '66');
    const lines = [
      line('LogicalMessage', { transaction: 724, lsn: '0/01500790' }, other),
      line('Transaction', { transaction: 724, lsn: '0/015007D0' }, 'COMMIT 2026-01-02'),
    ];
    expect(judge(lines)).toMatchObject({ kind: 'found', transaction: 724 });
  });

  it('a commit that ends at the position is confirmed, one that reaches past it is not', () => {
    const commit = [line('Transaction', { transaction: 725, lsn: '0/01500000' }, 'COMMIT 2026-01-02')];
    expect(judge(commit, '0/1500028')).toEqual({ kind: 'none' });
    expect(judge(commit, '0/1500027')).toMatchObject({ kind: 'found' });
  });
});

it('refuses to go on from a record it cannot understand, and lets the words of clients pass', () => {
  expect(() => recordsOf('rmgr: Transaction strange', segmentBytes)).toThrow(/pg_waldump printed/);
  expect(recordsOf('anything\nelse', segmentBytes)).toEqual([]);
});
