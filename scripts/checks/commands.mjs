import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, workspaceDirectories } from '../lib/files.mjs';
import { runQuiet } from '../lib/run.mjs';

const timeoutMs = 300_000;

/** Types of every workspace and of the scripts. */
export function checkTypes() {
  const projects = workspaceDirectories().filter((directory) =>
    existsSync(join(root, directory, 'tsconfig.json')),
  );
  const results = [
    node('typescript/bin/tsc', ['-b', ...projects]),
    node('typescript/bin/tsc', ['-p', 'scripts/tsconfig.json']),
  ];
  const output = results.map((result) => result.output).join('');
  return { ok: results.every((result) => result.ok), output };
}

/** Format and lint. */
export function checkFormat() {
  return node('@biomejs/biome/bin/biome', [
    'check',
    '.',
    '--reporter=concise',
    '--diagnostic-level=warn',
    '--error-on-warnings',
  ]);
}

/** Files, exports and dependencies that nobody uses. */
export function checkDeadCode() {
  return node('knip/bin/knip.js', ['--no-progress', '--no-config-hints']);
}

/**
 * @param {string} script below node_modules
 * @param {string[]} args
 */
function node(script, args) {
  return runQuiet(process.execPath, [join(root, 'node_modules', script), ...args], { timeoutMs });
}
