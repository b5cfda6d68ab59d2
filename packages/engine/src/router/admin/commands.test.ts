import { expect, it } from 'vitest';
import { readAdminCommand } from './commands.ts';

it('understands what it says it understands', () => {
  expect(readAdminCommand('SHOW pools;')).toEqual({ kind: 'show', what: 'pools' });
  expect(readAdminCommand('pause "App" ;')).toEqual({ kind: 'pause', database: 'App' });
  expect(readAdminCommand('RESUME')).toEqual({ kind: 'resume', database: null });
  expect(readAdminCommand('reload')).toEqual({ kind: 'reload' });
  expect(readAdminCommand("SET application_name = 'x'")).toEqual({ kind: 'nothing', tag: 'SET' });
  for (const text of ['SHOW', 'SHOW tables', 'PAUSE a b', 'DROP TABLE x'])
    expect(readAdminCommand(text)).toEqual({ kind: 'unknown' });
});
