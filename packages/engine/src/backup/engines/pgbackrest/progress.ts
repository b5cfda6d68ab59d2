import type { BackupProgress } from '../../engine.ts';

/** How far a run has come (pure): from the lock file, which knows the percentage, and the log, which knows the bytes. */

/** `{"execId":"…","pctCplt":6933,"pid":1}`: hundredths of a percent. Null while nothing is copied yet. */
export function percentOf(lockFile: string): number | null {
  const match = /"pctCplt":\s*(\d{1,5})\b/.exec(lockFile);
  return match?.[1] ? Math.min(100, Number(match[1]) / 100) : null;
}

const units: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

/** Adds up what a run reports at level `detail`: `backup file …/16384 (24.2MB, 89.09%) checksum …`. */
export class ProgressLog {
  private rest = '';
  private bytes = 0;
  private percent: number | null = null;
  private phase: BackupProgress['phase'] = 'starting';

  push(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(-4096);
    for (const line of lines) this.line(line);
  }

  /** @param lockPercent what the lock file says, if it was read: it is newer than the last line */
  progress(lockPercent: number | null): BackupProgress {
    const percent = this.phase === 'finishing' ? 100 : (lockPercent ?? this.percent);
    const isCopying = percent !== null || this.bytes > 0;
    const phase = this.phase === 'starting' && isCopying ? 'copying' : this.phase;
    return { phase, percent, bytesDone: this.bytes > 0 ? this.bytes : null };
  }

  private line(line: string): void {
    const copied =
      /DETAIL: (?:backup|restore) file .* \((?:bundle [^)]*?, )?([\d.]+)(B|KB|MB|GB|TB)(?:, ([\d.]+)%)?/.exec(
        line,
      );
    if (copied) {
      this.phase = 'copying';
      this.bytes += Math.round(Number(copied[1]) * (units[copied[2] ?? 'B'] ?? 1));
      if (copied[3]) this.percent = Number(copied[3]);
    } else if (
      /execute non-exclusive backup stop|write updated .*recovery|restore global\/pg_control/.test(line)
    ) {
      this.phase = 'finishing';
    }
  }
}
