import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';
import { projectFiles } from '../lib/sources.mjs';

// Put together, so that this file does not find itself.
const workplace = new RegExp(`(?<![\\w.-])/${'work'}/`);

/** Nothing in the project tells on which machine it was built, or from which registry its packages came. */
export function checkWords() {
  const problems = projectFiles().flatMap((file) =>
    wordProblems(file, readFileSync(join(root, file), 'utf8')),
  );
  return { ok: problems.length === 0, output: problems.join('\n') };
}

/**
 * @param {string} file
 * @param {string} text
 * @returns {string[]}
 */
export function wordProblems(file, text) {
  return text.split('\n').flatMap((line, index) => {
    const at = `${file}:${index + 1}`;
    if (workplace.test(line)) return [`${at} names a path of a building machine: ${line.trim()}`];
    const isRegistry = file.endsWith('package-lock.json') && /"resolved": "\w+:\/\//.test(line);
    return isRegistry ? [`${at} names a registry: ${line.trim()}`] : [];
  });
}
