import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root directory. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Whether a module is the one that Node.js was started with.
 *
 * @param {string} moduleUrl the module's `import.meta.url`
 */
export function isMain(moduleUrl) {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === fileURLToPath(moduleUrl);
}

const generatedNames = new Set([
  'node_modules',
  'dist',
  '.turbo',
  '.next',
  'generated',
  'coverage',
  'test-results',
]);

/**
 * Every file below a directory, without generated ones, in a stable order.
 *
 * @param {string} directory absolute; may be absent
 * @returns {string[]} absolute paths
 */
export function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries
    .filter((entry) => !generatedNames.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

/**
 * The directories of the npm workspaces that exist, relative to the root. Understands `name` and `name/*`.
 *
 * @returns {string[]}
 */
export function workspaceDirectories() {
  /** @type {{ workspaces: string[] }} */
  const { workspaces } = readJson(join(root, 'package.json'));
  return workspaces.flatMap(expandWorkspace).filter((path) => existsSync(join(root, path, 'package.json')));
}

/** @param {string} pattern */
function expandWorkspace(pattern) {
  if (!pattern.endsWith('/*')) return [pattern];
  const parent = pattern.slice(0, -2);
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent))
    .sort()
    .map((name) => `${parent}/${name}`);
}

/**
 * @param {string} path
 * @returns {any}
 */
export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * A fingerprint of files by name, size and time of change: cheap, and different whenever somebody saved a file.
 *
 * @param {string[]} paths absolute
 */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * The text of a file, or null when there is none.
 *
 * @param {string} path
 */
export function readIfPresent(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
