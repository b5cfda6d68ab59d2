import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import { pureFiles, rules, runtimeRules } from '../../.dependency-cruiser.mjs';
import { root } from '../lib/files.mjs';

const fewestModules = 50;
const fixture = join(root, 'scripts/fixtures/layering');

/** @typedef {{ modules: string[], violations: { rule: string, text: string }[] }} Graph */

/** The rules of .dependency-cruiser.mjs hold, and every one of them is seen to fire on a planted violation. */
export async function checkLayering() {
  const real = await cruiseAll(root);
  const planted = await cruiseAll(fixture);
  const fired = new Set(planted.violations.map((violation) => violation.rule));
  const problems = [
    ...real.violations.map(({ rule, text }) => `${rule}: ${text}`),
    ...[...rules, ...runtimeRules]
      .filter(({ name }) => !fired.has(name))
      .map(({ name }) => `${name} does not fire`),
  ];
  // An analyser that cannot read TypeScript finds nothing, and nothing wrong with it.
  if (real.modules.length < fewestModules) problems.push(`only ${real.modules.length} modules were found`);
  const absent = pureFiles.filter(
    (pattern) => !real.modules.some((module) => new RegExp(pattern).test(module)),
  );
  problems.push(...absent.map((pattern) => `${pattern} matches no file`));
  return { ok: problems.length === 0, output: problems.join('\n') };
}

/**
 * @param {string} baseDir
 * @returns {Promise<Graph>}
 */
async function cruiseAll(baseDir) {
  const every = await cruiseWith(baseDir, rules, true);
  const runtime = await cruiseWith(baseDir, runtimeRules, false);
  return { modules: every.modules, violations: [...every.violations, ...runtime.violations] };
}

/**
 * @param {string} baseDir
 * @param {any[]} forbidden
 * @param {boolean} withTypes whether imports of types count
 * @returns {Promise<Graph>}
 */
async function cruiseWith(baseDir, forbidden, withTypes) {
  const { output } = await cruise(
    ['apps', 'packages'],
    {
      baseDir,
      validate: true,
      ruleSet: { forbidden },
      tsPreCompilationDeps: withTypes,
      doNotFollow: { path: '(^|/)(node_modules|dist)/' },
      exclude: { path: '(^|/)([.]next|[.]turbo)/' },
    },
    {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.js'],
    },
  );
  if (typeof output === 'string')
    throw new Error('dependency-cruiser answered with a text instead of a result');
  const violations = output.summary.violations.map(({ rule, from, to, cycle, via }) => {
    const path = (cycle ?? via ?? []).map((step) => step.name).join(' -> ');
    return { rule: rule.name, text: `${from} -> ${path || to}` };
  });
  return { modules: output.modules.map((module) => module.source), violations };
}
