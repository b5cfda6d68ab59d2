import { expect, it } from 'vitest';
import { Classifier } from './classifier.ts';
import { ReadKnowledge } from './read-knowledge.ts';

const classifier = new Classifier();
const functions = ['count', 'lower', 'sum'].map((name) => ['f', name]);
const isRead = (text: string, ...rows: [kind: string, name: string][]) => {
  const bytes = Buffer.from(text);
  const statement = classifier.classify(bytes, { start: 0, end: bytes.length }, false);
  return new ReadKnowledge([...functions, ...rows]).isRead(statement);
};

it('functions must be known to write nothing', () => {
  expect(isRead('select count(*) from t')).toBe(true);
  expect(isRead('select public.lower(a) from t')).toBe(true);
  expect(isRead('select unheard_of(a) from t')).toBe(false);
  expect(isRead('select "Lower"(a) from t')).toBe(false);
});

it('names behind which something writes may not appear', () => {
  expect(isRead('select * from numbers', ['n', 'numbers'])).toBe(false);
  expect(isRead('select * from x."numbers"', ['n', 'numbers'])).toBe(false);
  expect(isRead("select 'numbers' from t", ['n', 'numbers'])).toBe(true);
  expect(isRead('select a over (b) from t')).toBe(true);
  expect(isRead('select over(b) from t', ['n', 'over'])).toBe(false);
  expect(isRead('select a ## b from t', ['o', '##'])).toBe(false);
  expect(isRead('select a # b from t', ['o', '##'])).toBe(true);
});

it('however they are written', () => {
  expect(isRead('select * from NUMBERS', ['n', 'numbers'])).toBe(false);
  expect(isRead('select * from U&"n\\0075mbers"', ['n', 'numbers'])).toBe(false);
  expect(isRead(`select U&"writes" UESCAPE '!' (a) from t`)).toBe(false);
  expect(isRead(`select * from ${'n'.repeat(63)}x`, ['n', 'n'.repeat(63)])).toBe(false);
  expect(isRead('select * from "Zähler"', ['n', 'Zähler'])).toBe(false);
  expect(isRead('select * from "Zähler"', ['n', 'numbers'])).toBe(true);
});
