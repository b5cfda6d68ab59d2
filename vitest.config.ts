import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const engineSource = fileURLToPath(new URL('./packages/engine/src/', import.meta.url));

const alias = [{ find: /^@quantadb\/engine\/(.*)$/, replacement: `${engineSource}$1.ts` }];

// Unit tests sit beside the code (`x.test.ts`) and run in parallel; tests that start real PostgreSQL servers
// (`x.real.test.ts`) run one file after another, because two cores cannot carry two clusters at once.
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
      {
        resolve: { alias },
        test: {
          name: 'real',
          include: ['{apps,packages}/*/src/**/*.real.test.ts', 'scripts/**/*.real.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
