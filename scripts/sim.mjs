import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

// `npm run sim -- --seed 7`: clusters in virtual time, under every kind of trouble. `--help` says more.
setUp({ forTests: false });
const command = fileURLToPath(
  new URL('../packages/engine/dist/testing/simulator/command.js', import.meta.url),
);
process.exitCode =
  spawnSync(process.execPath, [command, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1;
