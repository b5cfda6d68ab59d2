import { systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';

export interface CopyProgress {
  doneBytes: number;
  /** Null until it is known; of a clone it is an estimate made at the start. */
  totalBytes: number | null;
}

const linesMax = 200;
const progressLine = /^\s*(\d+)\/(\d+) kB \(/;

/** Reads the `  1234/56789 kB (2%)` lines of pg_basebackup and pg_rewind, in whatever pieces they arrive. */
export class ProgressReader {
  movedAtMs = systemClock.monotonicMs();
  /** It compares or flushes, which shows no progress; only the overall deadline counts. */
  isQuiet = false;
  doneBytes = 0;
  private readonly report: (progress: CopyProgress) => void;
  private readonly lines: string[] = [];
  private rest = '';

  constructor(report: (progress: CopyProgress) => void) {
    this.report = report;
  }

  push(text: string): void {
    const lines = (this.rest + text).split(/[\r\n]/);
    this.rest = (lines.pop() ?? '').slice(-1000);
    for (const line of lines) this.read(line);
  }

  /** What the program said besides its progress; the end of it, if it said a lot. */
  words(): string {
    return [...this.lines, this.rest].filter((line) => line.trim() !== '').join('\n');
  }

  private read(line: string): void {
    const match = progressLine.exec(line);
    if (!match?.[1] || !match[2]) {
      this.isQuiet ||= line.includes('syncing ');
      this.lines.push(line.slice(0, 1000));
      if (this.lines.length > linesMax) this.lines.shift();
      return;
    }
    const doneBytes = Number(match[1]) * 1024;
    if (this.isQuiet || doneBytes !== this.doneBytes) this.movedAtMs = systemClock.monotonicMs();
    this.doneBytes = doneBytes;
    this.isQuiet = false;
    this.report({ doneBytes, totalBytes: Math.max(doneBytes, Number(match[2]) * 1024) });
  }
}

/**
 * Runs `work` with a signal that is aborted when no byte has moved for `stallMs`.
 *
 * @throws QuantaError DEADLINE_EXCEEDED (stalled), or what `work` threw
 */
export async function untilStalled<T>(
  progress: ProgressReader,
  options: { what: string; stallMs: number; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, stallMs } = options;
  const stall = new AbortController();
  const look = () => {
    if (progress.isQuiet || systemClock.monotonicMs() - progress.movedAtMs < stallMs) return;
    stall.abort(new QuantaError('DEADLINE_EXCEEDED', `no byte of ${what} arrived for ${stallMs} ms`));
  };
  const timer = setInterval(look, Math.min(1000, stallMs));
  try {
    return await work(AbortSignal.any([options.signal, stall.signal]));
  } finally {
    clearInterval(timer);
  }
}
