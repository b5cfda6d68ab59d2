import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../postgres/command.ts';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import type { OsUser } from '../postgres/postmaster-host.ts';
import type { BackupEngine } from './engine.ts';

const rememberedMax = 1000;

/** Which moment archived WAL goes up to, read from the commits in it: names and times of files only tell when it came. */
export class WalMoments {
  private readonly engine: Pick<BackupEngine, 'fetchWal'>;
  private readonly place: { binDir: string; workDir: string; osUser: OsUser | null };
  /** What a segment holds never changes. */
  private readonly known = new Map<string, number | null>();

  constructor(
    engine: Pick<BackupEngine, 'fetchWal'>,
    place: { binDir: string; workDir: string; osUser: OsUser | null },
  ) {
    this.engine = engine;
    this.place = place;
  }

  /**
   * When the newest commit in these segments was made.
   *
   * @param names newest first: the first that holds any commit answers
   */
  async lastCommitMs(names: readonly string[], signal?: AbortSignal): Promise<number | null> {
    for (const name of names) {
      const moment = this.known.has(name) ? this.known.get(name) : await this.read(name, signal);
      if (moment !== null && moment !== undefined) return moment;
    }
    return null;
  }

  private async read(name: string, signal?: AbortSignal): Promise<number | null> {
    const { workDir, osUser, binDir } = this.place;
    await ensureOwnedDirectory(workDir, { osUser, mode: 0o700 });
    const directory = await mkdtemp(join(workDir, 'wal-'));
    try {
      await ensureOwnedDirectory(directory, { osUser, mode: 0o700 });
      if (!(await this.engine.fetchWal(name, join(directory, name), signal))) return null;
      const shown = await runCommand({
        file: join(binDir, 'pg_waldump'),
        args: ['--rmgr=Transaction', '--path', directory, name],
        osUser,
        env: { TZ: 'UTC' },
        timeoutMs: 60_000,
        signal,
      });
      // It ends in an error where the last record goes on in the next segment; what it has printed counts.
      const moment = lastCommitOf(shown.stdout);
      this.remember(name, moment);
      return moment;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private remember(name: string, moment: number | null): void {
    const [oldest] = this.known.keys();
    if (this.known.size >= rememberedMax && oldest !== undefined) this.known.delete(oldest);
    this.known.set(name, moment);
  }
}

/** The time of the last commit that pg_waldump printed under TZ=UTC (pure); null when it printed none. */
export function lastCommitOf(text: string): number | null {
  const commits = [
    ...text.matchAll(/desc: COMMIT(?:_PREPARED)? (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? UTC/g),
  ];
  const last = commits.at(-1);
  if (!last) return null;
  const [, day, time, fraction = '.0'] = last;
  // Whole milliseconds, cut off: a moment that is offered must not lie after the commit.
  return Date.parse(`${day}T${time}${fraction.slice(0, 4).padEnd(4, '0')}Z`);
}
