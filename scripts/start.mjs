// Makes this machine ready, then runs the local system in the foreground until it is told to stop.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './lib/files.mjs';
import { reportingSetupErrors, setUp } from './setup.mjs';

const command = join(root, 'apps/node-daemon/bin/quantadb.mjs');
const repeatWindowMs = 1_000;

/**
 * Runs the local system as if it had replaced this process: same terminal, same signals, same end.
 *
 * @param {string[]} args
 */
function runSystem(args) {
  // A process group of its own: Ctrl-C reaches only this process, which passes it on exactly once.
  const child = spawn(process.execPath, [command, 'up', '--foreground', ...args], {
    stdio: 'inherit',
    detached: true,
  });
  child.on('error', (error) => {
    console.error(`start: the system could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(
      signal,
      withoutRepeats(() => child.kill(signal)),
    );
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * npm passes Ctrl-C on although the terminal has sent it to the whole process group already; two at once mean one.
 *
 * @param {() => void} action
 */
function withoutRepeats(action) {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < repeatWindowMs) return;
    lastMs = nowMs;
    action();
  };
}

await reportingSetupErrors(() => {
  setUp({ forTests: false });
  runSystem(process.argv.slice(2));
});
