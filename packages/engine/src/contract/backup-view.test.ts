import { expect, it } from 'vitest';
import { shownRepositorySchema } from './backup-view.ts';

it('a repository of a kind that only a newer release knows is shown by its name, and hides nothing else', () => {
  const azure = { type: 'azure', container: 'backups', path: '/demo', encrypted: true };
  const shown = { type: 'unknown', kind: 'azure', path: '/demo', encrypted: true };
  expect(shownRepositorySchema.parse(azure)).toEqual(shown);
  expect(shownRepositorySchema.parse(shown)).toEqual(shown);
  expect(shownRepositorySchema.parse({ type: 'posix', path: '/backups' })).toEqual({
    ...{ type: 'posix', path: '/backups', encrypted: false },
  });
  // What is known has to be right.
  expect(shownRepositorySchema.safeParse({ type: 's3', path: '/backups' }).success).toBe(false);
});
