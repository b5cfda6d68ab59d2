import { expect, test } from 'vitest';
import { QuantaError, sentenceOf } from './errors.ts';

test('the next step is a sentence of its own', () => {
  const hint = 'Install it first.';
  expect(sentenceOf(new QuantaError('REFUSED', 'it is missing', { hint }))).toBe(
    'it is missing. Install it first.',
  );
  expect(sentenceOf(new QuantaError('REFUSED', 'It is missing.', { hint }))).toBe(
    'It is missing. Install it first.',
  );
  expect(sentenceOf(new Error('it is missing'))).toBe('it is missing');
});
