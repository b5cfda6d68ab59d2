import { QuantaError } from '@quantadb/engine/shared/errors';
import { TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { problemOf } from './problem.ts';

const asked = { origin: 'https://console', path: '/api/v1/hosts/a' };

test('an error of QuantaDB keeps its code, its words and its next step', () => {
  const cause = new QuantaError('REFUSED', 'a is a node of a cluster', { hint: 'Remove it first.' });
  const problem = problemOf(new TRPCError({ code: 'CONFLICT', message: cause.message, cause }), asked);
  expect(problem).toEqual({
    ...{ type: 'https://console/api-docs#REFUSED', title: 'Refused in this state', status: 409 },
    ...{ detail: cause.message, code: 'REFUSED', hint: 'Remove it first.' },
    ...{ instance: '/api/v1/hosts/a', message: cause.message },
  });
});

test('a wrong input names its fields', () => {
  const parsed = z.object({ limit: z.number() }).safeParse({ limit: 'x' });
  const problem = problemOf(new TRPCError({ code: 'BAD_REQUEST', cause: parsed.error }), asked);
  expect(problem).toMatchObject({ status: 400, code: 'INPUT_INVALID', issues: [{ path: 'limit' }] });
  expect(problem.detail).toMatch(/^limit: /);
});

test('what nobody threw on purpose is not told', () => {
  const cause = new Error('password=hunter2');
  const problem = problemOf(new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause }), asked);
  expect(problem).toMatchObject({ status: 500, code: 'UNEXPECTED' });
  expect(JSON.stringify(problem)).not.toContain('hunter2');
});
