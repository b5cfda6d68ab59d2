import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';

const codesFile = 'packages/engine/src/shared/errors.ts';
const docsFile = 'docs/errors.md';

/** Every error code is explained in docs/errors.md, and nothing else is. */
export function checkErrors() {
  const source = readFileSync(join(root, codesFile), 'utf8');
  const docs = readFileSync(join(root, docsFile), 'utf8');
  const problems = errorProblems(source, docs);
  return { ok: problems.length === 0, output: problems.join('\n') };
}

/**
 * @param {string} source
 * @param {string} docs
 * @returns {string[]}
 */
export function errorProblems(source, docs) {
  const list = /errorCodes = \[([^\]]*)\]/.exec(source)?.[1] ?? '';
  const codes = [...list.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
  if (codes.length === 0) return [`${codesFile} lists no error code`];
  const rows = docs.split('\n').flatMap(rowOf);
  const documented = new Set(rows.map((row) => row.code));
  return [
    ...codes.filter((code) => !documented.has(code)).map((code) => `${code} has no row in ${docsFile}`),
    ...rows
      .filter((row) => !codes.includes(row.code))
      .map((row) => `${docsFile} explains ${row.code}, no such code`),
    ...rows
      .filter((row) => !row.meaning || !row.nextStep)
      .map((row) => `${docsFile}: ${row.code} lacks its meaning or its next step`),
  ];
}

/**
 * @param {string} line
 * @returns {{ code: string, meaning: string, nextStep: string }[]} nothing when the line is no row about a code
 */
function rowOf(line) {
  const cells = line.split('|').map((cell) => cell.trim());
  const code = /^`([A-Z_]+)`$/.exec(cells[1] ?? '')?.[1];
  return code ? [{ code, meaning: cells[2] ?? '', nextStep: cells[3] ?? '' }] : [];
}
