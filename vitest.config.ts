import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const engineSource = fileURLToPath(new URL('./packages/engine/src/', import.meta.url));

const apiSource = fileURLToPath(new URL('./packages/api/src/', import.meta.url));

const alias = [
  { find: /^@quantadb\/engine\/(.*)$/, replacement: `${engineSource}$1.ts` },
  { find: /^@quantadb\/api\/(.*)$/, replacement: `${apiSource}$1.ts` },
];

// Unit tests sit beside the code (`x.test.ts`) and run in parallel. Tests with real PostgreSQL (`x.real.test.ts`) run in two lanes side
// by side: `faults`, where hosts, networks and processes fail and deadlines count, one file after another; and `works`, two files at a
// time: single servers, clusters that only do what they are told, and failures that nobody is in a hurry about. The one that takes the
// whole machine has it for itself.
const saturating = 'apps/node-daemon/src/saturation.real.test.ts';
const told = [
  ...['adoption', 'backups', 'hooks', 'membership', 'restarts', 'restore-cluster', 'standby-cluster'],
  ...['standbys', 'upgrades', 'rejoin', 'cold-start', 'following'],
];
const works = [
  'packages/*/src/**/*.real.test.ts',
  'scripts/**/*.real.test.ts',
  ...told.map((name) => `apps/node-daemon/src/${name}.real.test.ts`),
];

function realTests(name: string, include: string[], { exclude = [] as string[], atATime = 1 } = {}) {
  return {
    resolve: { alias },
    test: {
      ...{ name, include, exclude: [...exclude, '**/node_modules/**', '**/dist/**'] },
      ...{ testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: atATime > 1, maxWorkers: atATime },
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
          include: [
            '{apps,packages}/*/src/**/*.test.ts',
            'apps/console/{features,lib}/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
          exclude: ['**/*.real.test.ts', '**/node_modules/**', '**/dist/**'],
          testTimeout: 30_000,
          // They share nothing but modules, and loading those anew for each of them takes longer than most tests.
          isolate: false,
          // Otherwise one core is left idle.
          maxWorkers: availableParallelism(),
        },
      },
      realTests('works', works, { atATime: 2 }),
      realTests('faults', ['apps/*/src/**/*.real.test.ts'], { exclude: [saturating, ...works] }),
      realTests('saturated', [saturating]),
    ],
  },
});
