/**
 * What one runner did.
 *
 * @typedef {{ passed: number, failed: number, skipped: number, problems: string[] }} Counts
 */

/** @returns {Counts} */
export function noCounts() {
  return { passed: 0, failed: 0, skipped: 0, problems: [] };
}

/**
 * @param {Counts[]} all
 * @returns {Counts}
 */
export function sum(all) {
  return {
    passed: all.reduce((total, each) => total + each.passed, 0),
    failed: all.reduce((total, each) => total + each.failed, 0),
    skipped: all.reduce((total, each) => total + each.skipped, 0),
    problems: all.flatMap((each) => each.problems),
  };
}

/**
 * @typedef {{ status: string, fullName: string }} VitestAssertion
 * @typedef {{ name: string, status: string, assertionResults: VitestAssertion[] }} VitestFile
 * @typedef {{ testResults: VitestFile[] }} VitestReport
 */

/**
 * Counts the report of vitest's JSON reporter. A file that could not be loaded holds no test, and is one failure.
 *
 * @param {VitestReport} report
 * @returns {Counts}
 */
export function countVitest(report) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const failed = tests.filter((test) => test.status === 'failed');
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const passed = tests.filter((test) => test.status === 'passed').length;
  return {
    passed,
    failed: failed.length + broken.length,
    skipped: tests.length - passed - failed.length,
    problems: [...failed.map((test) => test.fullName), ...broken.map((file) => `${file.name} did not run`)],
  };
}

/**
 * @typedef {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number },
 *   errors: { message?: string }[] }} PlaywrightReport
 */

/**
 * Counts the report of Playwright's JSON reporter. A flaky test is a failed one.
 *
 * @param {PlaywrightReport} report
 * @returns {Counts}
 */
export function countPlaywright({ stats, errors }) {
  const failed = stats.unexpected + stats.flaky;
  return {
    passed: stats.expected,
    failed: failed + errors.length,
    skipped: stats.skipped,
    problems: [
      ...(failed > 0 ? [`${failed} browser tests failed`] : []),
      ...errors.map((error) => error.message ?? 'Playwright failed without a message'),
    ],
  };
}

/**
 * The verdict about one runner: it must have written a report, run at least one test, and its exit code must agree.
 *
 * @param {{ name: string, exitCode: number, counts: Counts | null }} outcome
 * @returns {Counts}
 */
export function judgeRunner({ name, exitCode, counts }) {
  if (counts === null)
    return failing(noCounts(), `${name}: the runner left no report (exit code ${exitCode})`);
  if (counts.passed + counts.failed === 0) return failing(counts, `${name}: no test ran`);
  if (exitCode !== 0 && counts.failed === 0) {
    return failing(counts, `${name}: the runner failed outside of a test (exit code ${exitCode})`);
  }
  return counts;
}

/**
 * @param {Counts} counts
 * @param {string} problem
 * @returns {Counts}
 */
function failing(counts, problem) {
  return { ...counts, failed: counts.failed + 1, problems: [...counts.problems, problem] };
}
