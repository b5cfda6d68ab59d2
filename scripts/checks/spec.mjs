import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../lib/files.mjs';
import { isTestFile, sourceFiles } from '../lib/sources.mjs';

const idPattern = /\bI-[A-Z]+-\d+\b/g;

/** Every invariant of docs/SPEC.md is named by a test's title, and tests name no others. */
export function checkSpec() {
  const specification = readFileSync(join(root, 'docs/SPEC.md'), 'utf8');
  const tests = sourceFiles()
    .filter((file) => isTestFile(file) && !file.startsWith('scripts/'))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
  const problems = specProblems(specification, tests);
  return { ok: problems.length === 0, output: problems.join('\n') };
}

/**
 * @param {string} specification
 * @param {{ file: string, text: string }[]} tests
 * @returns {string[]}
 */
export function specProblems(specification, tests) {
  const stated = new Set(
    [...specification.matchAll(/^- \*\*(I-[A-Z]+-\d+)\*\*/gm)].map((match) => match[1] ?? ''),
  );
  if (stated.size === 0) return ['docs/SPEC.md states no invariant'];
  const tested = new Set(tests.flatMap((test) => titlesOf(test).flatMap(idsIn)));
  const missing = [...stated]
    .filter((id) => !tested.has(id))
    .map((id) => `${id} is named by no test's title`);
  const unknown = tests.flatMap(({ file, text }) =>
    [...new Set(idsIn(text))]
      .filter((id) => !stated.has(id))
      .map((id) => `${file} names ${id}, which is not stated`),
  );
  return [...missing, ...unknown];
}

/** @param {string} text */
function idsIn(text) {
  return text.match(idPattern) ?? [];
}

/**
 * The titles of a file's suites and tests.
 *
 * @param {{ file: string, text: string }} test
 * @returns {string[]}
 */
function titlesOf({ file, text }) {
  /** @type {string[]} */
  const titles = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isCallExpression(node) && /^(describe|it|test)\b/.test(node.expression.getText())) {
      const title = node.arguments[0];
      if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)))
        titles.push(title.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return titles;
}
