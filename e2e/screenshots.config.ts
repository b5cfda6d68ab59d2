import { defineConfig } from '@playwright/test';
import tests from './playwright.config.ts';

/** Pictures of every page, for people to look at: `npm run screenshots`. Not among the tests. */
export default defineConfig({
  ...tests,
  testDir: './screenshots',
  timeout: 600_000,
  use: { ...tests.use, actionTimeout: 10_000 },
});
