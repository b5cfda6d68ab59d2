import { QuantaError } from '@quantadb/engine/shared/errors';
import { expect, test } from 'vitest';
import type { Services } from '../services.ts';
import { attempt, failureOf } from './attempt.ts';
import type { AuditRecord } from './audit.ts';

function context(write: (record: AuditRecord) => Promise<void> = async () => undefined) {
  const written: AuditRecord[] = [];
  const audit = {
    write: async (_: unknown, record: AuditRecord) => {
      written.push(record);
      await write(record);
    },
  };
  return { written, ctx: { principal: null, ip: null, services: { audit } as unknown as Services } };
}
const record = { action: 'restore-in-place', target: 'demo' };

test('what a host refused is called refused; what it did not answer may have taken effect', async () => {
  expect(failureOf(new QuantaError('REFUSED', 'demo is protected'))).toEqual({
    outcome: 'refused',
    detail: 'demo is protected',
  });
  for (const error of [new QuantaError('DEADLINE_EXCEEDED', 'node-1 did not answer'), new Error('socket')]) {
    const { written, ctx } = context();
    const asked = attempt(ctx, {
      ...record,
      ask: () => Promise.reject(error),
      ended: () => ({ outcome: 'done' }),
    });
    await expect(asked).rejects.toBe(error);
    expect(written).toEqual([
      {
        ...record,
        outcome: 'failed',
        detail: expect.stringMatching(/\. Whether it took effect is not known/),
      },
    ]);
  }
});

test('what has begun is never called refused because it could not be written down', async () => {
  const { written, ctx } = context(() => Promise.reject(new Error('the database is away')));
  const asked = attempt(ctx, {
    ...record,
    ask: async () => 'id-1',
    ended: (detail) => ({ outcome: 'started', detail }),
  });
  await expect(asked).rejects.toThrow('the database is away');
  expect(written).toEqual([{ ...record, outcome: 'started', detail: 'id-1' }]);
});
