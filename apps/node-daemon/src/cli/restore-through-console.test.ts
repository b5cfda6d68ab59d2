import type { OperationPlan } from '@quantadb/engine/contract/operations';
import type { RestorePlanning } from '@quantadb/engine/contract/restore';
import { expect, it } from 'vitest';
import type { ConsoleClient } from './console-client.ts';
import { restoreIntoThroughConsole } from './restore-through-console.ts';

const target = { kind: 'latest' } as const;
const wanted = { clusterId: 'c', host: 'spare-1', cluster: 'rescued', target };
const possible = { ok: true } as RestorePlanning;

function steer(plan: OperationPlan | null) {
  const asked: unknown[] = [];
  const planned: RestorePlanning[] = [];
  const client = {
    planRestoreInto: async (...args: unknown[]) => {
      asked.push(args);
      return { planning: possible, plan };
    },
    startRestoreInto: async (...args: unknown[]) => {
      asked.push(args);
      return 'operation-1';
    },
    foundingWitness: (name: string) => ({ name }),
  } as unknown as ConsoleClient;
  const steering = restoreIntoThroughConsole({ client, ...wanted }, (planning) => planned.push(planning));
  return { steering, asked, planned };
}

it('a moment becomes a cluster on the host that was named, as it was planned and confirmed', async () => {
  const plan = { hash: 'h' } as OperationPlan;
  const { steering, asked, planned } = steer(plan);
  const request = { host: 'spare-1', cluster: 'rescued', target };
  expect(await steering.plan()).toBe(plan);
  expect(planned).toEqual([possible]);
  expect(await steering.start({ planHash: 'h', requestedBy: 'anna', reason: 'why' })).toBe('operation-1');
  // Who asks the console knows by itself.
  expect(asked).toEqual([
    ['c', request],
    ['c', { ...request, planHash: 'h', reason: 'why' }],
  ]);
  expect(await steering.witnesses()).toEqual([{ name: 'rescued' }]);
});

it('a host that makes no plan is told of', async () => {
  await expect(steer(null).steering.plan()).rejects.toThrow('no plan');
});
