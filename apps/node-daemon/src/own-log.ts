import { join } from 'node:path';
import type { Logger } from '@quantadb/engine/shared/logger';
import { pino } from 'pino';

/** What is kept in memory while the disk takes nothing; anything beyond it is not written. */
const unwrittenBytesMax = 4 * 1024 * 1024;

/** Where the daemon and its router workers write what they also say on standard output, so that it can be asked for. */
export function ownLogFile(stateDir: string): string {
  return join(stateDir, 'quantadb.log');
}

export interface OwnLog {
  logger: Logger;
  /** Before the process ends. */
  flush(): void;
}

/** To standard output, and to the end of a file that others write, too. */
export function openOwnLog(options: { level: string; base: object; file: string | null }): OwnLog {
  const { level, base, file } = options;
  if (file === null) {
    const logger = pino({ level, base });
    return { logger, flush: () => logger.flush() };
  }
  const kept = pino.destination({
    ...{ dest: file, append: true, sync: false, mkdir: true, mode: 0o600 },
    ...{ maxLength: unwrittenBytesMax },
  });
  // A full disk must not end what is needed most then; standard output still has it.
  kept.on('error', () => undefined);
  const streams = [
    { level: level as pino.Level, stream: process.stdout },
    { level: level as pino.Level, stream: kept },
  ];
  const logger = pino({ level, base }, pino.multistream(streams));
  return { logger, flush: () => flushed(kept) };
}

function flushed(kept: { flushSync(): void }): void {
  try {
    kept.flushSync();
  } catch {
    // Not open yet, or the disk takes nothing.
  }
}
