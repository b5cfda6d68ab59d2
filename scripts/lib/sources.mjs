import { existsSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow, root } from './files.mjs';
import { runQuiet } from './run.mjs';

/**
 * The files that belong to the project, relative to the root: those that git knows or would add. Without git (an
 * unpacked archive), every file that is not generated.
 *
 * @returns {string[]}
 */
export function projectFiles() {
  const { ok, output } = runQuiet('git', ['ls-files', '--cached', '--others', '--exclude-standard']);
  const files = ok ? output.trim().split('\n') : filesBelow(root).map((path) => relative(root, path));
  return files.filter((file) => !/^\.(git|quantadb)\//.test(file) && isFile(join(root, file)));
}

/** The project's TypeScript and JavaScript sources, without the violations planted for the checks. */
export function sourceFiles() {
  return projectFiles().filter(
    (file) => /\.(ts|tsx|mjs|cjs)$/.test(file) && !file.startsWith('scripts/fixtures/'),
  );
}

/** @param {string} file */
export function isTestFile(file) {
  return /\.(test|spec)\.tsx?$/.test(file);
}

/** @param {string} path */
function isFile(path) {
  return existsSync(path) && statSync(path).isFile();
}
