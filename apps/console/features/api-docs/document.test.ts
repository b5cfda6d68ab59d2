import { expect, test } from 'vitest';
import { type ApiDocument, curlOf, operationsByTag, shapeOf } from './document.ts';

const list = { operationId: 'hosts-list', summary: 'Every host', tags: ['hosts'], responses: {} };
const document: ApiDocument = {
  info: { title: 'QuantaDB', version: '1' },
  servers: [{ url: 'https://console/api/v1' }],
  paths: {
    '/tokens': {
      post: { ...list, operationId: 'tokens-create', tags: ['tokens'], summary: 'A token', security: [{}] },
    },
    '/hosts': { get: list },
  },
  components: { schemas: { Name: { type: 'string' }, Loop: { $ref: '#/components/schemas/Loop' } } },
  'x-error-codes': {},
};

test('operations stand under their tags, and are found by any word', () => {
  const tags = (search: string) => operationsByTag(document, search).map(([tag]) => tag);
  expect(tags('')).toEqual(['hosts', 'tokens']);
  expect(tags('post /TOK')).toEqual(['tokens']);
  expect(tags('nothing')).toEqual([]);
});

test('a schema reads like a type', () => {
  const shape = shapeOf(
    {
      required: ['name'],
      properties: {
        name: { $ref: '#/components/schemas/Name' },
        roles: { items: { enum: ['a', 'b'] } },
        deep: { properties: { at: { anyOf: [{ type: 'number' }, { type: 'null' }] } } },
      },
    },
    document,
  );
  expect(shape).toBe(
    '{\n  name: string\n  roles?: ("a" | "b")[]\n  deep?: {\n    at?: number | null\n  }\n}',
  );
});

test('a schema that contains itself ends', () => {
  expect(shapeOf({ $ref: '#/components/schemas/Loop' }, document)).toBe('…');
});

test('the command says what has to be sent', () => {
  const found = operationsByTag(document, 'tokens')[0]?.[1][0];
  expect(found && curlOf(found, 'https://console/api/v1')).toContain(
    "curl -X POST 'https://console/api/v1/tokens'",
  );
});
