import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { openApiDocument } from './open-api.ts';

const document = openApiDocument('https://console.example.com') as {
  paths: Record<string, Record<string, { security?: unknown[]; responses: object; operationId: string }>>;
};
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

test('the OpenAPI document follows OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

test('every operation has a name of its own, and answers errors as problems', () => {
  expect(operations.length).toBeGreaterThan(40);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { responses } of operations) {
    expect(responses).toHaveProperty('default.$ref', '#/components/responses/Problem');
  }
  expect(JSON.stringify(document)).not.toContain('schemas/error.');
});
