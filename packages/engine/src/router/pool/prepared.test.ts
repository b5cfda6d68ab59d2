import { expect, it } from 'vitest';
import { oversize } from '../classify/classifier.ts';
import { PreparedStatements } from './prepared.ts';

const utc = 'UTC\0ISO, MDY\0postgres\0UTF8\0on';
const bodyOf = (text: string) => Buffer.concat([Buffer.from(text), Buffer.from([0, 0, 0])]);

it('a statement is one for all who read its constants alike', () => {
  const prepared = new PreparedStatements();
  const intern = (text: string, literals = utc) => prepared.intern(bodyOf(text), literals, () => oversize);
  expect(intern('SELECT 1')).toBe(intern('SELECT 1'));
  expect(intern('SELECT 1', `Europe/Berlin${utc.slice(3)}`)).not.toBe(intern('SELECT 1'));
  expect(intern("SELECT 'now'::timestamp")).not.toBe(intern("SELECT 'now'::timestamp"));
});

it('what is remembered has a bound in bytes: the unused goes, and then nothing more is shared', () => {
  const prepared = new PreparedStatements();
  const text = (index: number) => `SELECT ${index} ${' '.repeat(1_000_000)}`;
  const intern = (index: number) => prepared.intern(bodyOf(text(index)), utc, () => oversize);
  const unused = intern(0);
  for (let index = 1; index < 60; index++) intern(index).users = 1;
  expect(intern(0).id).toBe(unused.id);
  for (let index = 60; index < 70; index++) intern(index).users = 1;
  expect(intern(0).id).not.toBe(unused.id);
  expect(intern(1).id).toBe(intern(1).id);
  expect(intern(99).id).not.toBe(intern(99).id);
});
