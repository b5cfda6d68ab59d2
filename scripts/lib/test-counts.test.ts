import { describe, expect, it } from 'vitest';
import { countPlaywright, countVitest, judgeRunner, noCounts, sum } from './test-counts.mjs';

function fileWith(status: string, ...statuses: string[]) {
  return {
    name: 'a.test.ts',
    status,
    assertionResults: statuses.map((each) => ({ status: each, fullName: `is ${each}` })),
  };
}

describe('counting a report of vitest', () => {
  it('tells passed, failed and skipped tests apart', () => {
    const counts = countVitest({ testResults: [fileWith('failed', 'passed', 'failed', 'pending', 'todo')] });
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 2, problems: ['is failed'] });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const counts = countVitest({ testResults: [fileWith('failed'), fileWith('passed', 'passed')] });
    expect(counts).toMatchObject({ passed: 1, failed: 1, problems: ['a.test.ts did not run'] });
  });
});

describe('counting a report of Playwright', () => {
  it('treats a flaky test and an error outside of tests as failures', () => {
    const stats = { expected: 3, unexpected: 0, flaky: 1, skipped: 2 };
    const counts = countPlaywright({ stats, errors: [{ message: 'no such file' }] });
    expect(counts).toMatchObject({ passed: 3, failed: 2, skipped: 2 });
  });
});

describe('judging a runner', () => {
  const passing = { ...noCounts(), passed: 2 };

  it('believes a report that agrees with the exit code', () => {
    expect(judgeRunner({ name: 'unit', exitCode: 0, counts: passing })).toEqual(passing);
  });

  it.each([
    { why: 'it crashed without a report', exitCode: 134, counts: null },
    { why: 'it ran nothing', exitCode: 0, counts: noCounts() },
    { why: 'it failed although every test passed', exitCode: 1, counts: passing },
  ])('is a failure when $why', ({ exitCode, counts }) => {
    const judged = judgeRunner({ name: 'unit', exitCode, counts });
    expect(judged.failed).toBe(1);
    expect(judged.problems).toHaveLength(1);
  });

  it('adds up', () => {
    expect(sum([passing, { ...passing, failed: 1, problems: ['x'] }])).toEqual({
      passed: 4,
      failed: 1,
      skipped: 0,
      problems: ['x'],
    });
  });
});
