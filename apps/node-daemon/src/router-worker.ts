import { RouterWorker } from '@quantadb/engine/router/worker/router-worker';
import { type OwnLog, openOwnLog } from './own-log.ts';

let log: OwnLog | null = null;

/** The program of a router worker: started by a daemon, and told what to do by it, and later by the daemons after it. */
const parent = {
  tell: (message: object) => {
    // Nobody hears it when the daemon has just ended.
    if (process.connected) process.send?.(message, () => undefined);
  },
  dismiss: () => {
    if (process.connected) process.disconnect();
  },
};
const worker = new RouterWorker({
  parent,
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
process.on('message', (message, handle) => void worker.heard(parent, message, handle));
process.on('disconnect', () => worker.lost(parent));
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
