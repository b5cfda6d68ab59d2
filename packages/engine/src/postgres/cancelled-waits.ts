import { open } from 'node:fs/promises';

/**
 * Commits whose wait for the standbys was given up: PostgreSQL then answers with a warning beside its "COMMIT", so the client may
 * count as acknowledged what only the primary holds (SyncRepWaitForLSN in PostgreSQL's syncrep.c). They are outside of what the
 * cluster promises; the server's log is the only place that tells of them.
 */
const words = [
  'canceling wait for synchronous replication due to user request',
  'canceling the wait for synchronous replication and terminating connection due to administrator command',
];
const readMax = 4 * 1024 * 1024;
const overlap = Math.max(...words.map((each) => each.length)) - 1;

/** Counts them in the log of the running server, from the moment the daemon began to look. */
export class CancelledWaits {
  private readonly logFile: string;
  private position: number | null = null;
  /** The end of what was read, which may hold the beginning of a line. */
  private rest = '';
  private counted = 0;

  constructor(logFile: string) {
    this.logFile = logFile;
  }

  get count(): number {
    return this.counted;
  }

  /** Reads what has come since. A log that is not there yet, or cannot be read, counts nothing. */
  async look(): Promise<void> {
    const file = await open(this.logFile, 'r').catch(() => null);
    if (!file) return;
    try {
      const { size } = await file.stat();
      // What was written before is not news; a smaller file is a new one.
      if (this.position === null) this.position = size;
      if (size < this.position) this.position = 0;
      const from = Math.max(this.position, size - readMax);
      const buffer = Buffer.alloc(size - from);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
      this.position = from + bytesRead;
      if (bytesRead > 0) this.countIn(this.rest + buffer.toString('latin1', 0, bytesRead));
    } catch {
      // A log that cannot be read is no reason not to know what the server does: what it says is counted at the next look.
    } finally {
      await file.close();
    }
  }

  private countIn(text: string): void {
    let end = 0;
    for (const each of words) {
      for (let at = text.indexOf(each); at >= 0; at = text.indexOf(each, at + 1)) {
        this.counted += 1;
        end = Math.max(end, at + each.length);
      }
    }
    this.rest = text.slice(Math.max(end, text.length - overlap));
  }
}
