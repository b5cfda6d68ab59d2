import { expect, test } from 'vitest';
import { renderAccess } from './access.ts';
import { whyRefused } from './hba-line.ts';

const input = {
  userLines: [],
  clients: 'open',
  hosts: null,
  localUsers: ['root', 'postgres', 'root'],
} as const;

test('nobody is trusted', () => {
  const { hba } = renderAccess({ ...input, userLines: ['host all all 0.0.0.0/0 trust'] });
  expect(hba).not.toContain('trust');
});

test('replication is possible with a host’s certificate only', () => {
  const lines = renderAccess({ ...input, userLines: ['hostssl replication all all scram-sha-256'] })
    .hba.split('\n')
    .filter((line) => line.includes('replication'));
  const allowing = lines.filter((line) => !line.endsWith('reject'));
  expect(allowing.length).toBeGreaterThan(0);
  for (const line of allowing) expect(line).toMatch(/^hostssl .* cert map=quantadb_hosts$/);
});

test('the map lets host names through and operators not', () => {
  const pattern = /quantadb_hosts \/(\S+) quantadb_replication/.exec(renderAccess(input).ident)?.[1] ?? '';
  expect(new RegExp(pattern).test('node-1')).toBe(true);
  for (const name of ['operator:anna', 'Node-1', '', '1node', 'node 1'])
    expect(new RegExp(pattern).test(name)).toBe(false);
});

test('I-MEMBER-10: once the hosts are known the map lists them alone', () => {
  const { ident } = renderAccess({ ...input, hosts: ['node-1', 'dr-1'] });
  const hosts = ident.split('\n').filter((line) => line.startsWith('quantadb_hosts'));
  expect(hosts).toEqual([
    'quantadb_hosts node-1 quantadb_replication',
    'quantadb_hosts dr-1 quantadb_replication',
  ]);
});

test('each OS user is mapped once, and odd names are quoted', () => {
  const { ident } = renderAccess({ ...input, localUsers: ['root', 'root', 'the admin'] });
  expect(ident.match(/quantadb_local root /g)).toHaveLength(1);
  expect(ident).toContain('quantadb_local "the admin" quantadb');
});

test('our lines come before the user’s, and the user’s before the defaults', () => {
  const own = 'host all quantadb_replication,quantadb all reject';
  const { hba } = renderAccess({ ...input, userLines: ['host app app 10.0.0.0/8 md5'] });
  expect(hba.indexOf(own)).toBeGreaterThan(0);
  expect(hba.indexOf('host app')).toBeGreaterThan(hba.indexOf(own));
  expect(hba.indexOf('hostssl all all all')).toBeGreaterThan(hba.indexOf('host app'));
});

test('closed to clients means closed', () => {
  const { hba } = renderAccess({ ...input, clients: 'closed', userLines: ['host app app 10.0.0.0/8 md5'] });
  expect(hba).not.toContain('md5');
  expect(hba).not.toContain('scram');
  expect(hba.trimEnd().endsWith('host all all all reject')).toBe(true);
});

test.each([
  'host all all 10.0.0.0/8 scram-sha-256',
  'hostssl app app ::1/128 scram-sha-256 clientcert=verify-full',
  'hostssl app app fe80::/10 cert clientname=CN',
  'local app app peer',
  'host app app .example.com reject',
  'host app app samenet md5',
  'hostssl replication backup 10.0.0.0/8 scram-sha-256',
  '# a comment',
  '',
])('takes %j', (line) => {
  expect(whyRefused(line)).toBeNull();
});

test.each([
  'host all all 10.0.0.0/8 trust',
  'host all all 10.0.0.0 scram-sha-256',
  'host all all 10.0.0.0/33 scram-sha-256',
  'host all all 300.0.0.0/8 scram-sha-256',
  'host all all ::1::/8 scram-sha-256',
  'local replication all scram-sha-256',
  'host app,replication all 10.0.0.0/8 scram-sha-256',
  'host all all 10.0.0.0/8 scram-sha-256\nhost all all all trust',
  'host all "all" 10.0.0.0/8 md5',
  'host @file all 10.0.0.0/8 md5',
  'host all all 10.0.0.0/8',
  'host all all 10.0.0.0/8 ldap ldapserver=x',
  'host all all 10.0.0.0/8 cert',
  'hostssl all all all cert map=quantadb_hosts',
  'nonsense',
])('refuses %j', (line) => {
  expect(whyRefused(line)).toEqual(expect.any(String));
});
