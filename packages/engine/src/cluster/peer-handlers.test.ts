import { expect, it } from 'vitest';
import { demoState } from '../testing/demo-state.ts';
import { type PeerHandlerResources, peerHandlers } from './peer-handlers.ts';

/** A primary whose log has got as far as a move of the sync set, and what PostgreSQL there was told. */
async function confirm(known: number, asked: number) {
  const told: unknown[] = [];
  const state = { ...demoState(), syncProgress: { move: known, unconfirmed: [] } };
  const resources = {
    self: 'node-1',
    group: { state: () => state },
    agent: { untilMove: async () => undefined },
    database: {
      isPrimary: async () => true,
      confirmSynchronous: async (order: unknown) => {
        told.push(order);
        return { ok: true };
      },
    },
    backups: null,
  } as unknown as PeerHandlerResources;
  const setting = { standbys: ['node-2', 'node-3'], count: 1 };
  const input = { clusterId: 'c1', epoch: 3, move: asked, setting, isFirst: true };
  const answer = await peerHandlers(resources)['confirm-sync-set'](input, 'node-2');
  return { answer, told };
}

it('I-SYNC-9: PostgreSQL is not told to wait by a mode that is older than the setting it confirms', async () => {
  const { answer, told } = await confirm(3, 4);
  expect(answer.ok).toBe(false);
  expect(told).toEqual([]);
});

it('confirms the setting that the log is at', async () => {
  const { answer, told } = await confirm(4, 4);
  expect(answer.ok).toBe(true);
  expect(told).toMatchObject([{ mode: 'quorum', mark: { clusterId: 'c1', move: 4 } }]);
});
