// Everything that can be tested on this machine, in one go. The last line says how many passed and failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, root } from './lib/files.mjs';
import { endLeftovers, removeNamespaces } from './lib/leftovers.mjs';
import { removeAbandoned, scratchDirectory } from './lib/scratch.mjs';
import { countPlaywright, countVitest, judgeRunner, noCounts, sum } from './lib/test-counts.mjs';
import { reportingSetupErrors, setUp } from './setup.mjs';

/** @import { Counts } from './lib/test-counts.mjs' */

const minuteMs = 60_000;
const leftoverGraceMs = 5_000;
const commandCharactersMax = 200;
const killGraceMs = 20_000;

/**
 * @typedef {{ name: string, args: string[], deadlineMs: number, environment?: NodeJS.ProcessEnv,
 *   count: (report: any) => Counts }} Runner
 */

class TestRun {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #children = new Set();
  /** @type {NodeJS.Signals | null} */
  interruptedBy = null;
  directory = scratchDirectory();
  /** Of those whose subject is a disk that is slow. */
  diskDirectory = scratchDirectory({ mayBeMemory: false });
  id = `${process.pid}-${Date.now()}`;

  constructor() {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => this.#interrupt(signal));
    }
  }

  /** @returns {Promise<Counts>} */
  async all() {
    // Those of earlier runs; what this one leaves behind is a failure.
    removeNamespaces();
    removeAbandoned();
    /** @type {Counts[]} */
    const counts = [];
    // The checks keep one core busy at a time; unit tests take what is left of the others.
    counts.push(...(await Promise.all([this.#run(this.#vitest('unit', 10 * minuteMs)), this.#checks()])));
    for (const together of this.#runners()) {
      if (this.interruptedBy === null)
        counts.push(...(await Promise.all(together.map((runner) => this.#run(runner)))));
    }
    counts.push(await this.#cleanUp());
    return sum(counts);
  }

  /** @returns {Runner[][]} after the unit tests, one after the other; those of a list run side by side */
  #runners() {
    return [
      [this.#vitest('works', 30 * minuteMs), this.#vitest('faults', 30 * minuteMs)],
      [this.#vitest('saturated', 10 * minuteMs, { isDiskBound: true })],
      existsSync(join(root, 'e2e/package.json')) ? [this.#playwright('e2e', 30 * minuteMs)] : [],
    ];
  }

  /**
   * @param {string} name
   * @param {number} deadlineMs
   * @returns {Runner}
   */
  #vitest(name, deadlineMs, { isDiskBound = false } = {}) {
    const reporters = [
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${this.#reportFile(name)}`,
    ];
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', name, ...reporters];
    const { diskDirectory } = this;
    const onDisk = { QUANTADB_TEST_DIR: diskDirectory, TMPDIR: diskDirectory };
    return { name, args, deadlineMs, count: countVitest, ...(isDiskBound ? { environment: onDisk } : {}) };
  }

  /**
   * @param {string} name
   * @param {number} deadlineMs
   * @returns {Runner}
   */
  #playwright(name, deadlineMs) {
    const cli = 'node_modules/@playwright/test/cli.js';
    return {
      name,
      args: [cli, 'test', '--config', 'e2e/playwright.config.ts', '--reporter=list,json'],
      deadlineMs,
      environment: { PLAYWRIGHT_JSON_OUTPUT_FILE: this.#reportFile(name) },
      count: countPlaywright,
    };
  }

  /** @returns {Promise<Counts>} each check is one test */
  async #checks() {
    // Loaded late: the checks import npm packages, which the setup may just have installed.
    const { runChecks } = await import('./check.mjs');
    const results = await runChecks(() => this.interruptedBy !== null);
    const failed = results.filter((each) => !each.ok);
    const problems = failed.map((each) => `check ${each.name}`);
    return { ...noCounts(), passed: results.length - failed.length, failed: failed.length, problems };
  }

  /**
   * @param {Runner} runner
   * @returns {Promise<Counts>}
   */
  async #run({ name, args, deadlineMs, environment, count }) {
    console.log(`\ntest: ${name}`);
    const exitCode = await this.#spawn(args, deadlineMs, environment);
    const reportFile = this.#reportFile(name);
    const counts = existsSync(reportFile) ? count(readJson(reportFile)) : null;
    return judgeRunner({ name, exitCode, counts });
  }

  /**
   * @param {string[]} args
   * @param {number} deadlineMs after it the runner is ended, which counts as a failure
   * @param {NodeJS.ProcessEnv} [environment]
   * @returns {Promise<number>} the exit code, -1 when a signal ended it
   */
  async #spawn(args, deadlineMs, environment) {
    const marks = { QUANTADB_TEST_DIR: this.directory, QUANTADB_TEST_RUN: this.id, TMPDIR: this.directory };
    const env = { ...process.env, ...marks, ...environment };
    // A process group of its own, so that the whole of it can be ended.
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    this.#children.add(child);
    const timer = setTimeout(() => this.#end(child), deadlineMs);
    const [code] = await once(child, 'exit');
    clearTimeout(timer);
    this.#children.delete(child);
    return code ?? -1;
  }

  /** @param {NodeJS.Signals} signal */
  #interrupt(signal) {
    this.interruptedBy = signal;
    for (const child of this.#children) this.#end(child);
  }

  /** @param {import('node:child_process').ChildProcess} child */
  #end(child) {
    const { pid } = child;
    if (pid === undefined) return;
    process.kill(-pid, 'SIGTERM');
    const timer = setTimeout(() => child.exitCode === null && process.kill(-pid, 'SIGKILL'), killGraceMs);
    child.once('exit', () => clearTimeout(timer));
  }

  /** @returns {Promise<Counts>} a process or a network that a test left behind is a failure */
  async #cleanUp() {
    const variable = `QUANTADB_TEST_RUN=${this.id}`;
    const leftovers = [];
    for (const directory of [this.directory, this.diskDirectory]) {
      leftovers.push(...(await endLeftovers({ variable, directory }, leftoverGraceMs)));
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    }
    const problems = leftovers.map(
      ({ pid, command }) => `left behind and killed: ${pid} ${command.slice(0, commandCharactersMax)}`,
    );
    problems.push(...removeNamespaces().map((name) => `left behind and removed: network namespace ${name}`));
    return { ...noCounts(), failed: problems.length, problems };
  }

  /** @param {string} name */
  #reportFile(name) {
    return join(this.directory, `report-${name}.json`);
  }
}

await reportingSetupErrors(async () => {
  setUp({ forTests: true });
  const run = new TestRun();
  const { passed, failed, skipped, problems } = await run.all();
  for (const problem of problems) console.log(`failed: ${problem}`);
  if (skipped > 0) console.log(`skipped: ${skipped}`);
  if (run.interruptedBy) console.log(`interrupted by ${run.interruptedBy}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || run.interruptedBy ? 1 : 0;
});
