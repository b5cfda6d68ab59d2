import type { OperationPlan } from '@quantadb/engine/contract/operations';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { expect, it } from 'vitest';
import { change } from './change.ts';

const plan = { refusal: null, hash: 'h' } as unknown as OperationPlan;
const changeWith = (error: QuantaError) =>
  change({
    ...{ reason: '', yes: true, json: true },
    steering: {
      plan: async () => plan,
      witnesses: async () => [],
      start: async () => {
        throw error;
      },
    },
  });

it('a start whose answer is lost may have begun, and whoever asked is told to look first', async () => {
  const lost = new QuantaError('PEER_UNREACHABLE', 'the console cannot be reached: fetch failed');
  await expect(changeWith(lost)).rejects.toMatchObject({
    message: expect.stringContaining('it may have begun all the same'),
    hint: expect.stringContaining('quantadb operations'),
  });
});

it('a start that was refused has not begun', async () => {
  await expect(changeWith(new QuantaError('REFUSED', 'another one runs'))).rejects.toThrow(
    'another one runs',
  );
});
