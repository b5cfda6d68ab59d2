// What must hold of the code itself, one named check after the other.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkApiDocument } from './checks/api-document.mjs';
import { checkDeadCode, checkFormat, checkTypes } from './checks/commands.mjs';
import { checkErrors } from './checks/errors.mjs';
import { checkLayering } from './checks/layering.mjs';
import { checkLock } from './checks/lock.mjs';
import { checkSpec } from './checks/spec.mjs';
import { checkStyle } from './checks/style.mjs';
import { checkWords } from './checks/words.mjs';
import { isMain } from './lib/files.mjs';

/** @typedef {{ ok: boolean, output: string }} CheckResult */

/** @type {Record<string, () => CheckResult | Promise<CheckResult>>} */
const checks = {
  types: checkTypes,
  format: checkFormat,
  layering: checkLayering,
  'dead code': checkDeadCode,
  style: checkStyle,
  spec: checkSpec,
  errors: checkErrors,
  'api document': checkApiDocument,
  lock: checkLock,
  words: checkWords,
};

/**
 * Runs every check and prints what each found. A check that throws has failed.
 *
 * @param {() => boolean} isStopped asked before each check; when it says so, the rest is left out
 * @returns {Promise<{ name: string, ok: boolean }[]>}
 */
export async function runChecks(isStopped) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    // Checks block this thread; a signal that came meanwhile is heard here.
    await nextTurn();
    if (isStopped()) break;
    const { ok, output } = await resultOf(check);
    console.log(`check: ${name} ${ok ? 'passed' : 'failed'}`);
    if (!ok) console.log(output.trimEnd().replace(/^/gm, '  '));
    results.push({ name, ok });
  }
  return results;
}

/**
 * @param {() => CheckResult | Promise<CheckResult>} check
 * @returns {Promise<CheckResult>}
 */
async function resultOf(check) {
  try {
    return await check();
  } catch (error) {
    return { ok: false, output: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

if (isMain(import.meta.url)) {
  const results = await runChecks(() => false);
  if (results.some((each) => !each.ok)) process.exitCode = 1;
}
