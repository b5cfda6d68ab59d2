import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../lib/files.mjs';
import { isTestFile, sourceFiles } from '../lib/sources.mjs';

const longestFunctionLines = 70;
const longestFileLines = 400;
// Put together, so that this file does not find itself.
const unfinished = new RegExp(`\\b(${['TO', 'FIX'].map((head, i) => head + ['DO', 'ME'][i]).join('|')})\\b`);
const testNames = new Set(['describe', 'it', 'test']);

/** Sizes of files and functions, tests that silence all others, work left undone. */
export function checkStyle() {
  const problems = sourceFiles().flatMap((file) =>
    styleProblems(file, readFileSync(join(root, file), 'utf8')),
  );
  return { ok: problems.length === 0, output: problems.join('\n') };
}

/**
 * @param {string} file its name, for the messages
 * @param {string} text
 * @returns {string[]}
 */
export function styleProblems(file, text) {
  const lines = text.trimEnd().split('\n');
  const tooLong =
    lines.length > longestFileLines ? [`${file} has ${lines.length} lines (${longestFileLines})`] : [];
  const marks = lines.flatMap((line, index) =>
    unfinished.test(line) ? [`${file}:${index + 1} is unfinished: ${line.trim()}`] : [],
  );
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return [...tooLong, ...marks, ...nodeProblems(source, source)];
}

/**
 * @param {ts.SourceFile} source
 * @param {ts.Node} node
 * @returns {string[]}
 */
function nodeProblems(source, node) {
  /** @type {string[]} */
  const problems = [];
  const at = `${source.fileName}:${lineOf(source, node.getStart(source))}`;
  if (ts.isFunctionLike(node) && 'body' in node && node.body && !isSuite(node)) {
    const lines = lineOf(source, node.end) - lineOf(source, node.getStart(source)) + 1;
    if (lines > longestFunctionLines)
      problems.push(`${at} a function of ${lines} lines (${longestFunctionLines})`);
  }
  if (isTestFile(source.fileName) && isOnly(node)) problems.push(`${at} .only silences every other test`);
  ts.forEachChild(node, (child) => {
    problems.push(...nodeProblems(source, child));
  });
  return problems;
}

/**
 * A suite is a list of tests, not a function to be understood as a whole.
 *
 * @param {ts.Node} node
 */
function isSuite(node) {
  return ts.isCallExpression(node.parent) && /^describe\b/.test(node.parent.expression.getText());
}

/** @param {ts.Node} node */
function isOnly(node) {
  if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'only') return false;
  return testNames.has(node.expression.getText().split('.')[0] ?? '');
}

/**
 * @param {ts.SourceFile} source
 * @param {number} position
 */
function lineOf(source, position) {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}
