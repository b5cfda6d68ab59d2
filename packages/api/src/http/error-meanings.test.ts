import { readFileSync } from 'node:fs';
import { errorCodes } from '@quantadb/engine/shared/errors';
import { expect, test } from 'vitest';
import { errorMeanings } from './error-meanings.ts';

const docs = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');

test('what the API says of an error code is what the documentation says', () => {
  const rows = [...docs.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$/gm)];
  const written = rows.map(([, code, meaning, nextStep]) => ({ code, meaning, nextStep }));
  const told = errorCodes.map((code) => {
    const { meaning, nextStep } = errorMeanings[code];
    return { code, meaning, nextStep };
  });
  expect(told).toEqual(written);
});
