import { expect, test } from 'vitest';
import { judgeServer, type ServerLook } from './findings.ts';

const place = {
  ...{ port: 5432, listenHost: '10.0.0.11', socketDirectory: '/run/quantadb/pg' },
  ...{ osUser: 'postgres', daemonUser: 'root' },
};

function look(more: Partial<ServerLook> = {}): ServerLook {
  return {
    ...{ versionNumber: 150_018, versionText: '15.18', systemIdentifier: '42', timeline: 1, history: [] },
    ...{ isInRecovery: false, hasChecksums: true, bytes: 1e9, databases: 2, settings: [], hbaLines: [] },
    ...{ tablespaces: [], receivers: [], slots: [], archiveBacklog: 0, ownRoles: [], md5Roles: 0 },
    ...{ port: 5432, listenAddresses: '10.0.0.11', socketDirectories: ['/run/quantadb/pg'] },
    ...{ osUser: 'postgres', autostart: null },
    ...more,
  };
}
const setting = (name: string, value: string) => ({ name, value, isPending: false });

test('what the server was set to becomes the cluster’s, but for what QuantaDB decides', () => {
  const settings = [
    setting('work_mem', '64MB'),
    setting('shared_preload_libraries', 'pg_cron'),
    setting('port', '5432'),
    setting('archive_command', 'cp %p /archive/%f'),
    setting('fsync', 'off'),
  ];
  const found = judgeServer(look({ settings }), place);
  expect(found.parameters).toEqual({ work_mem: '64MB', shared_preload_libraries: 'pg_cron' });
  expect(found.warnings.join(' ')).toMatch(/archive_command = "cp %p \/archive\/%f" is not kept/);
  expect(found.warnings.join(' ')).not.toContain('port');
});

test('access lines that QuantaDB understands are kept as they are, the others are named', () => {
  const hbaLines = [
    'local   all   postgres   peer',
    'host all all 0.0.0.0/0 trust',
    'host replication all all md5',
  ];
  const found = judgeServer(look({ hbaLines }), place);
  expect(found.hba).toEqual(['local all postgres peer']);
  expect(found.warnings).toEqual([
    'The access line "host all all 0.0.0.0/0 trust" is not kept: trust lets anybody in.',
  ]);
});

test('what would end badly is refused with the next step', () => {
  const refusals = (more: Partial<ServerLook>) => judgeServer(look(more), place).refusals.join(' ');
  expect(refusals({ versionNumber: 130_004 })).toMatch(/PostgreSQL 13; .* pg_upgrade/);
  expect(refusals({ isInRecovery: true })).toMatch(/Adopt its primary/);
  expect(refusals({ tablespaces: ['fast'] })).toMatch(/SET TABLESPACE pg_default/);
  expect(refusals({ osUser: 'pgsql' })).toMatch(/Set "osUser" in host.json to pgsql/);
  expect(refusals({ ownRoles: [{ name: 'quantadb', isSuper: false }] })).toMatch(/ALTER ROLE … RENAME/);
  expect(refusals({ archiveBacklog: 900 })).toMatch(/900 WAL segments/);
  // Of an adoption that did not get to its end.
  expect(refusals({ ownRoles: [{ name: 'quantadb', isSuper: true }] })).toBe('');
});

test('what its users will notice is told', () => {
  const words = (more: Partial<ServerLook>) => judgeServer(look(more), place).warnings.join(' ');
  expect(words({})).toBe('');
  expect(words({ port: 5433 })).toMatch(/port 5432 afterwards, not at 5433/);
  expect(words({ listenAddresses: '*' })).toMatch(/listens on \* now, and on 10\.0\.0\.11/);
  expect(words({ socketDirectories: ['/var/run/postgresql'] })).toMatch(/unix socket moves from/);
  expect(words({ receivers: ['reporting'] })).toMatch(/reporting streams from it and is cut off/);
  expect(words({ slots: [{ name: 'cdc', type: 'logical' }] })).toMatch(/cdc .* do not follow a failover/);
  expect(words({ md5Roles: 3 })).toMatch(/3 roles have an md5 password/);
});
