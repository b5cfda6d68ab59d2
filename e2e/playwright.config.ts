import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

const runsAsRoot = process.getuid?.() === 0;

// Debian's browser: nothing is downloaded, and the browser calls nobody by itself.
export default defineConfig({
  testDir: './tests',
  outputDir: join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'browser-results'),
  forbidOnly: true,
  retries: 0,
  workers: 1,
  timeout: 60_000,
  // Two cores may be busy with a whole cluster besides the browser.
  expect: { timeout: 15_000 },
  use: {
    browserName: 'chromium',
    launchOptions: {
      executablePath: '/usr/bin/chromium',
      args: [
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        ...(runsAsRoot ? ['--no-sandbox'] : []),
      ],
    },
  },
});
