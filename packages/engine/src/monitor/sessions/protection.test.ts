import { expect, it } from 'vitest';
import { kindOf, protectedBecause } from './protection.ts';

const plain = { waitEvent: null, leaderPid: null };

it.each([
  ['client backend', 'app', 'client'],
  ['client backend', 'quantadb', 'own'],
  ['client backend', 'quantadb_replication', 'own'],
  ['walsender', 'app', 'replication'],
  ['autovacuum worker', null, 'autovacuum'],
  ['parallel worker', 'app', 'server'],
  ['checkpointer', null, 'server'],
] as const)('a %s of %s is of the kind %s', (backend, user, kind) => {
  expect(kindOf(backend, user)).toBe(kind);
});

it('lets clients and autovacuum be ended, and nothing that the cluster lives on', () => {
  expect(protectedBecause('client', plain)).toBeNull();
  expect(protectedBecause('autovacuum', plain)).toBeNull();
  for (const kind of ['own', 'replication', 'server'] as const)
    expect(protectedBecause(kind, plain)).not.toBeNull();
  expect(protectedBecause('server', { ...plain, leaderPid: 7 })).toContain('session 7');
});

it('lets nobody end a commit that waits for the standbys', () => {
  expect(protectedBecause('client', { ...plain, waitEvent: 'SyncRep' })).toContain('only this node has it');
});
