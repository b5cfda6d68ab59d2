import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { QuantaError } from '../../shared/errors.ts';

export interface ReaperSpawn {
  socketPath: string;
  mark: string;
  dataDir: string;
  /** Appended to. */
  logFile: string;
  killAheadMs: number;
  idleExitMs: number;
}

/**
 * Starts a reaper in a session of its own, so that it survives this process and the terminal.
 *
 * @throws QuantaError PREFLIGHT_FAILED when its program is not built
 */
export async function spawnReaper({ logFile, ...reaperArguments }: ReaperSpawn): Promise<ChildProcess> {
  const log = await open(logFile, 'a', 0o600);
  try {
    // Nothing of this process's environment is the reaper's business; a mark in it would make the reaper kill itself.
    return spawn(process.execPath, [reaperProgram(), JSON.stringify(reaperArguments)], {
      cwd: '/',
      detached: true,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      stdio: ['ignore', log.fd, log.fd],
    });
  } finally {
    await log.close();
  }
}

/** Run from its sources (in tests) this is TypeScript, but the reaper itself is always the compiled program. */
function reaperProgram(): string {
  const own = import.meta.url;
  const compiled = own.endsWith('.ts') ? own.replace('/src/', '/dist/') : own;
  const program = fileURLToPath(new URL('./main.js', compiled));
  if (existsSync(program)) return program;
  throw new QuantaError('PREFLIGHT_FAILED', `the reaper's program ${program} is not there`, {
    hint: 'run npm run build',
  });
}
