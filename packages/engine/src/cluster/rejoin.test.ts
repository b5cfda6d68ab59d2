import { expect, it } from 'vitest';
import { QuantaError } from '../shared/errors.ts';
import { demoState } from '../testing/demo-state.ts';
import { Rejoin, type RejoinOptions } from './rejoin.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A standby whose WAL cannot be read, and what is done to it in turn. */
function damaged(code: 'STORAGE_CORRUPT' | 'DEADLINE_EXCEEDED') {
  const done: string[] = [];
  const rejoin = new Rejoin({
    ...{ self: 'node-2', logger, state: demoState, show: ignore },
    database: {
      isRunning: async () => false,
      isInitialised: async () => true,
      exactEndOfWal: async () => {
        throw new QuantaError(code, 'no WAL record from 0/3000000 on');
      },
      giveUp: async () => done.push('given up'),
    },
    lastPosition: { forget: async () => done.push('vote forgotten') },
    commander: {
      submit: async ({ event }: { event: string }) => {
        done.push(event);
        return { ok: true };
      },
    },
  } as unknown as RejoinOptions);
  return { rejoin, done };
}

it('I-RESTART-3: a person can have a node with damaged WAL start over: it has no vote until it is complete again', async () => {
  const { rejoin, done } = damaged('STORAGE_CORRUPT');
  await rejoin.giveUp('an administrator asked', true);
  expect(done).toEqual(['vote forgotten', 'vote-lost', 'given up']);
});

it('I-SEAL-3: nobody but a person gives such a vote away, and nobody one that may yet be read', async () => {
  const alone = damaged('STORAGE_CORRUPT');
  await expect(alone.rejoin.giveUp('its WAL is gone', false)).rejects.toThrow('no WAL record');
  const slow = damaged('DEADLINE_EXCEEDED');
  await expect(slow.rejoin.giveUp('an administrator asked', true)).rejects.toThrow('no WAL record');
  expect([...alone.done, ...slow.done]).toEqual([]);
});
