import { expect, it } from 'vitest';
import { silentLogger } from '../shared/logger.ts';
import { PostgresSupervisor, type SupervisorOptions } from './supervisor.ts';

it('I-LEASE-3: PostgreSQL is killed also when the disk does not take the word that closes the archive', async () => {
  const killed: string[] = [];
  const host = {
    kill: async (why: string) => {
      killed.push(why);
    },
  };
  const place = {
    nodeName: 'node-1',
    dataDir: '/nowhere/data',
    runDir: '/nowhere/run',
    port: 1,
    osUser: null,
  };
  const supervisor = new PostgresSupervisor({
    ...{ ...place, stateDir: '/nowhere/state', host, logger: silentLogger },
  } as unknown as SupervisorOptions);
  await supervisor.kill('sealed for a newer epoch');
  expect(killed).toEqual(['sealed for a newer epoch']);
  await supervisor.close();
});
