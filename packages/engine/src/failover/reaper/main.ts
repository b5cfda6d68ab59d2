import { once } from 'node:events';
import { rmSync, write } from 'node:fs';
import { createConnection } from 'node:net';
import { messageOf } from '../../shared/errors.ts';
import { ReaperServer, type ReaperServerOptions } from './server.ts';

/** The options as one JSON argument, written by the client that starts this program. */
type ReaperArguments = Omit<ReaperServerOptions, 'log'>;

const maxPendingLogLines = 64;
let pendingLogLines = 0;

/** Never waits for the disk: a hung disk is exactly when the reaper must act. */
function log(message: string): void {
  if (pendingLogLines >= maxPendingLogLines) return;
  pendingLogLines += 1;
  write(2, `${new Date().toISOString()} reaper ${process.pid}: ${message}\n`, () => {
    pendingLogLines -= 1;
  });
}

/** A socket file that nobody listens on was left by a reaper that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  const probe = createConnection(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
    rmSync(path, { force: true });
    return;
  } finally {
    probe.destroy();
  }
  throw new Error(`another reaper listens on ${path}`);
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as ReaperArguments;
  await removeStaleSocket(options.socketPath);
  const server = new ReaperServer({ ...options, log });
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => log(`${signal} is ignored`));
  process.on('SIGTERM', () => {
    log(server.end() ? 'SIGTERM: the reaper ends' : 'SIGTERM is ignored while PostgreSQL runs');
  });
  // Whatever else goes wrong, the deadline is kept: the tick goes on and tries again.
  process.on('uncaughtException', (error) => log(`unexpected: ${error.stack ?? error.message}`));
  process.on('unhandledRejection', (error) => log(`unexpected: ${messageOf(error)}`));
  try {
    await server.listen();
  } catch (error) {
    server.end();
    throw error;
  }
  log(`ready for ${options.dataDir}`);
}

main().catch((error: unknown) => {
  log(`could not start: ${messageOf(error)}`);
  process.exitCode = 1;
});
