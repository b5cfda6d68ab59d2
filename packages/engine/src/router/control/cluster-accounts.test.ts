import { expect, test } from 'vitest';
import { silentLogger } from '../../shared/logger.ts';
import { ClusterAccounts } from './cluster-accounts.ts';

const role = {
  ...{ password: null, can_login: true, can_connect: true, is_superuser: false, can_replicate: false },
  ...{ is_monitor: false, valid_until_ms: null, groups: ['app'] },
  defaults: '',
};

test('who is not known yet waits for a server that can be asked, and is asked for once however many log in', async () => {
  let asked = 0;
  const ask = async <Row extends object>() => {
    asked += 1;
    if (asked < 3) throw new Error('no server answers');
    return [role] as unknown as Row[];
  };
  const accounts = new ClusterAccounts({ ask, logger: silentLogger });
  const found = await Promise.all([accounts.find('app', 'app'), accounts.find('app', 'app')]);
  expect(found).toMatchObject([
    { canLogin: true, groups: ['app'] },
    { canLogin: true, groups: ['app'] },
  ]);
  expect(asked).toBe(3);
});

test('who is known logs in while nobody can be asked', async () => {
  let isAway = false;
  const ask = async <Row extends object>() => {
    if (isAway) throw new Error('no server answers');
    return [role] as unknown as Row[];
  };
  const accounts = new ClusterAccounts({ ask, logger: silentLogger });
  await accounts.find('app', 'app');
  isAway = true;
  const sinceMs = performance.now();
  expect(await accounts.find('app', 'app')).toMatchObject({ canLogin: true });
  expect(performance.now() - sinceMs).toBeLessThan(1000);
});
