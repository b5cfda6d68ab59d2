import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const engineSource = fileURLToPath(new URL('./packages/engine/src/', import.meta.url));

const alias = [{ find: /^@quantadb\/engine\/(.*)$/, replacement: `${engineSource}$1.ts` }];

// Unit tests sit beside the code (`x.test.ts`) and run in parallel. Tests with real PostgreSQL (`x.real.test.ts`) run one file after
// another, because two cores cannot carry two clusters at once; those of single servers leave room for one cluster beside them, and
// the one that takes the whole machine has it for itself.
const saturating = 'apps/node-daemon/src/saturation.real.test.ts';

function realTests(name: string, include: string[], exclude: string[] = []) {
  return {
    resolve: { alias },
    test: {
      ...{ name, include, exclude: [...exclude, '**/node_modules/**', '**/dist/**'] },
      ...{ testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: false },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['{apps,packages}/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: ['**/*.real.test.ts', '**/node_modules/**', '**/dist/**'],
          testTimeout: 30_000,
        },
      },
      realTests('servers', ['packages/*/src/**/*.real.test.ts', 'scripts/**/*.real.test.ts']),
      realTests('clusters', ['apps/*/src/**/*.real.test.ts'], [saturating]),
      realTests('saturated', [saturating]),
    ],
  },
});
