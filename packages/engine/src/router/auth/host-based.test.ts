import { describe, expect, it } from 'vitest';
import { judgeLogin, type LoginAttempt } from './host-based.ts';

const attempt: LoginAttempt = {
  isTls: true,
  user: 'app',
  database: 'app',
  address: '10.1.2.3',
  groups: ['app', 'writers'],
  isReplication: false,
  certificate: null,
};
const may = (lines: string[], changes: Partial<LoginAttempt> = {}) =>
  judgeLogin(lines, { ...attempt, ...changes }).allowed;

describe('logging in by address', () => {
  it('takes everybody with TLS, and without it only this machine', () => {
    expect(may([])).toBe(true);
    expect(may([], { isTls: false })).toBe(false);
    expect(may([], { isTls: false, address: '127.0.0.1' })).toBe(true);
    expect(may([], { isTls: false, address: '::ffff:127.0.0.1' })).toBe(true);
    expect(may([], { isTls: false, address: '::1' })).toBe(true);
  });

  it('lets the first line that fits decide', () => {
    const lines = ['host app app 10.1.0.0/16 scram-sha-256', 'host all all 0.0.0.0/0 reject'];
    expect(may(lines, { isTls: false })).toBe(true);
    expect(may(lines, { address: '10.2.0.1' })).toBe(false);
    expect(may(lines, { database: 'other' })).toBe(false);
    expect(may(['host all all 2001:db8::/32 reject'], { address: '2001:db8::7' })).toBe(false);
    expect(may(['host all all 2001:db8::/32 reject'], { address: '2001:db9::7' })).toBe(true);
  });

  it('knows groups, and keeps its own roles to itself', () => {
    const lines = ['hostssl all +writers 10.0.0.0/8 scram-sha-256', 'host all all all reject'];
    expect(may(lines)).toBe(true);
    expect(may(lines, { groups: ['app'] })).toBe(false);
    expect(
      may(['hostssl samerole all all scram-sha-256', 'host all all all reject'], { database: 'writers' }),
    ).toBe(true);
    expect(may([], { user: 'quantadb' })).toBe(false);
    expect(may([], { user: 'quantadb_replication' })).toBe(false);
  });

  it('asks for the certificate that a line wants beside the password', () => {
    const full = ['hostssl all all all scram-sha-256 clientcert=verify-full'];
    expect([null, 'bob', 'app'].map((certificate) => may(full, { certificate }))).toEqual([
      false,
      false,
      true,
    ]);
    const some = ['hostssl all all all scram-sha-256 clientcert=verify-ca'];
    expect([null, 'bob'].map((certificate) => may(some, { certificate }))).toEqual([false, true]);
    expect(may(['hostssl all all all scram-sha-256 clientcert=verify-full clientname=DN'])).toBe(false);
  });

  it('takes physical replication by a line for it alone', () => {
    const changes = { isReplication: true, user: 'backup', database: 'replication' };
    expect(may(['host all all all scram-sha-256'], changes)).toBe(false);
    expect(may(['hostssl replication backup 10.0.0.0/8 scram-sha-256'], changes)).toBe(true);
    expect(may(['hostssl replication backup 10.0.0.0/8 scram-sha-256'], { ...changes, user: 'app' })).toBe(
      false,
    );
    const named = ['hostssl replication all all scram-sha-256', 'host all all all reject'];
    expect(may(named, { database: 'replication' })).toBe(false);
  });

  it('says what a certificate alone does not do', () => {
    expect(may(['hostssl all all all cert'], { certificate: 'app' })).toBe(false);
    expect(judgeLogin(['hostssl all all all md5'], attempt)).toEqual({ allowed: true, method: 'md5' });
  });
});
