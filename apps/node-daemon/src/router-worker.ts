import { RouterWorker } from '@quantadb/engine/router/worker/router-worker';
import { type OwnLog, openOwnLog } from './own-log.ts';

let log: OwnLog | null = null;

/** The program of a router worker: started by the daemon, and told by it over the channel between them what to do. */
const worker = new RouterWorker({
  tell: (message) => {
    // Nobody hears it when the daemon has just ended.
    if (process.connected) process.send?.(message, () => undefined);
  },
  createLogger: ({ name, logLevel, logFile }) => {
    log = openOwnLog({ level: logLevel, base: { node: name, part: 'router' }, file: logFile });
    return log.logger;
  },
  exit: (code) => {
    log?.flush();
    process.exit(code);
  },
});

// It may outlive whoever reads this, and goes on all the same.
process.stdout.on('error', () => undefined);
process.on('message', (message, handle) => void worker.heard(message, handle));
process.on('disconnect', () => void worker.orphaned());
// The terminal's Ctrl-C reaches every process of its group; only the daemon decides what it means.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('SIGTERM', () => void worker.orphaned());
process.on('uncaughtException', (error) => {
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', part: 'router', message: error.message, stack: error.stack })}\n`,
  );
  process.exit(1);
});
