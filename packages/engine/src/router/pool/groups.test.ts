import { expect, it } from 'vitest';
import { routerSettingsOf } from '../../contract/router-settings.ts';
import { silentLogger } from '../../shared/logger.ts';
import { Counters } from '../counters.ts';
import { Databases } from '../databases.ts';
import { noTopology } from '../topology.ts';
import { Groups } from './groups.ts';

it('what nobody uses any more is forgotten after a while, and its database with it', () => {
  let nowMs = 0;
  const databases = new Databases();
  const groups = new Groups({
    ...{ counters: new Counters(), databases, logger: silentLogger, nowMs: () => nowMs },
    ...{ topology: () => noTopology, settings: () => routerSettingsOf({}), failed: () => undefined },
    tls: () => ({}) as never,
  });
  const named = (user: string, database: string) => {
    databases.get(database);
    return groups.get(user, database, {} as never);
  };
  const used = named('app', 'shop');
  used.sessions = 1;
  named('app', 'no such database');
  const waiting = { granted: () => undefined, denied: () => undefined };
  named('other', 'shop').acquire(waiting, null);
  const left = () => groups.list().map(({ user, database }) => `${user} in ${database}`);
  groups.sweep();
  nowMs = 20_000;
  groups.sweep();
  expect(left()).toHaveLength(3);
  nowMs = 61_000;
  groups.sweep();
  // Whoever waited has been told by then that it was in vain.
  expect(left()).toEqual(['app in shop', 'other in shop']);
  expect(databases.find('no such database')).toBeUndefined();
  nowMs = 200_000;
  groups.sweep();
  expect(left()).toEqual(['app in shop']);
  expect(databases.find('shop')).toBeDefined();
});
