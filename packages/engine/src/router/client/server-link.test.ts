import { expect, it } from 'vitest';
import { errorResponse } from '../protocol/build.ts';
import { backend, transactionStatus } from '../protocol/codes.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { Internal } from '../server/server-user.ts';
import { type LinkOwner, ServerLink } from './server-link.ts';
import { SettingsTracker } from './settings-tracker.ts';

/** A session that has set something, whose question what that came to ends with an error. */
function askedInVain(sqlState: string) {
  const told: string[] = [];
  const error = errorResponse({ severity: 'ERROR', sqlState, message: 'no' });
  const server = {
    ...{
      isDoomed: false,
      outstanding: 0,
      status: transactionStatus.idle,
      settings: new Map(),
      unnamed: null,
    },
    attach: () => undefined,
    detach: () => undefined,
    runInternal: (_bytes: Buffer, internal: Internal) => {
      internal.message(backend.errorResponse, error, 0, error.length);
      internal.done();
    },
  } as unknown as ServerConnection;
  const owner = {
    settings: new SettingsTracker(new Map()),
    context: { group: { release: () => told.push('given back') } },
    ...{ pin: null, isClosed: false, isWaiting: false },
    fatal: (code: string) => told.push(code),
  } as unknown as LinkOwner;
  owner.settings.touched({ settings: ['statement_timeout'], resets: [], resetsAll: false });
  const link = new ServerLink(owner);
  link.server = server;
  link.readSettingsBack(server);
  return { told, server };
}

it('a server with settings that nobody knows is nobody’s any more, and its session ends (I-ROUTER-4)', () => {
  const { told, server } = askedInVain('57014');
  expect(server.isDoomed).toBe(true);
  expect(told).toEqual(['57P01']);
});

it('a setting that may not be read ends no session', () => {
  const { told, server } = askedInVain('42501');
  expect(server.isDoomed).toBe(true);
  expect(told).toEqual(['given back']);
});
