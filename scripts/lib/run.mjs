import { spawnSync } from 'node:child_process';
import { root } from './files.mjs';

/** @typedef {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutMs?: number }} RunOptions */

/**
 * Runs a command with this terminal as its own and waits for it.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {boolean} whether it exited with 0
 */
export function runLoud(file, args, options = {}) {
  const { status, error } = spawnSync(file, args, { ...spawnOptions(options), stdio: 'inherit' });
  if (error) console.error(`${file} did not run: ${error.message}`);
  return status === 0;
}

/**
 * Runs a command and keeps what it said.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {{ ok: boolean, output: string }} standard output followed by standard error
 */
export function runQuiet(file, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    ...spawnOptions(options),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error ? error.message : ''}` };
}

/** @param {RunOptions} options */
function spawnOptions({ env, cwd, timeoutMs }) {
  return { cwd: cwd ?? root, env: env ?? process.env, timeout: timeoutMs };
}
