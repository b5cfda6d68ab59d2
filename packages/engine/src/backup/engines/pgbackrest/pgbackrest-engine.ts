import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type CommandResult, runCommand } from '../../../postgres/command.ts';
import { QuantaError } from '../../../shared/errors.ts';
import type {
  ArchiveListing,
  BackupEngine,
  BackupOutcome,
  BackupRequest,
  EngineFailure,
  EnginePlace,
  ExpireRequest,
  Inventory,
  RestoreRequest,
  StanzaOutcome,
  StoredBackup,
  Verification,
} from '../../engine.ts';
import { Brake } from './brake.ts';
import { damagedCopies, repositoryFiles } from './copies.ts';
import { failureOf, warningsOf } from './failures.ts';
import { gently } from './gently.ts';
import { parseInfo } from './info.ts';
import { parseListing } from './listing.ts';
import { ProgressLog, percentOf } from './progress.ts';
import { checkedLabel, restoreArguments } from './target.ts';
import { labelsInProgress, parseVerification } from './verification.ts';
import { parseVersion, versionProblem } from './versions.ts';

interface Run {
  args: string[];
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  logLevel?: 'warn' | 'info' | 'detail';
  /** Gives way to everything else that wants the processor or the disk. */
  isGentle?: boolean;
  onLog?: (text: string) => void;
  onStart?: (pid: number) => void;
}

const askDeadlineMs = 60_000;
const lookAgainMs = 1000;
const stanzaDeadlineMs = 120_000;
/** Some hundred thousand segments in a slow object store: were it given up, retention would never be carried out again. */
const listingDeadlineMs = 10 * 60_000;
const expireDeadlineMs = 3_600_000;
const verifyDeadlineMs = 12 * 3_600_000;
const progressEveryMs = 500;
const brakeEveryMs = 1000;
const usualManners = { nice: 10, ioPriority: 7 } as const;
/** Everything printed is kept up to a bound; a listing of some thousand segments is longer than the usual one. */
const listingBytesMax = 256 * 1024 * 1024;

/** pgBackRest as a program that is run once per question, as PostgreSQL's OS user, and dies with this process. */
export class PgBackRestEngine implements BackupEngine {
  private readonly place: EnginePlace;

  constructor(place: EnginePlace) {
    this.place = place;
  }

  async preflight(postgresMajor: number): Promise<{ version: string; problem: string | null }> {
    const { program, osUser } = this.place;
    try {
      const said = await runCommand({ file: program, args: ['version'], osUser, timeoutMs: 10_000 });
      const version = parseVersion(said.stdout);
      return { version: version?.text ?? 'unknown', problem: versionProblem(version, postgresMajor) };
    } catch (error) {
      if (!(error instanceof QuantaError)) throw error;
      return { version: 'none', problem: `${error.message}. Install the package pgbackrest on this host.` };
    }
  }

  createStanza(signal?: AbortSignal): Promise<StanzaOutcome> {
    return this.outcomeOf({ args: ['stanza-create'], timeoutMs: stanzaDeadlineMs, signal });
  }

  upgradeStanza(signal?: AbortSignal): Promise<StanzaOutcome> {
    return this.outcomeOf({ args: ['stanza-upgrade'], timeoutMs: stanzaDeadlineMs, signal });
  }

  async proveArchiving(signal?: AbortSignal): Promise<void> {
    await this.runOrThrow({ args: ['check'], timeoutMs: stanzaDeadlineMs, signal });
  }

  async backup(request: BackupRequest): Promise<BackupOutcome> {
    const notes = Object.entries(request.notes).map(([name, text]) => `--annotation=${name}=${text}`);
    const result = await this.runWithProgress(request, {
      args: [
        'backup',
        `--type=${request.type}`,
        request.fromStandby ? '--backup-standby' : '--no-backup-standby',
        `--process-max=${request.processes}`,
        ...notes,
      ],
      isGentle: true,
      timeoutMs: request.timeoutMs,
      signal: request.signal,
    });
    const log = result.log;
    if (result.code !== 0) return { ok: false, failure: failureOf(result.code, log) };
    const label = /new backup label = (\S+)/.exec(log)?.[1];
    if (!label) throw new QuantaError('PROTOCOL_VIOLATION', 'pgbackrest made a backup without naming it');
    return { ok: true, label, type: typeOf(label), warnings: warningsOf(log) };
  }

  async inventory(signal?: AbortSignal): Promise<Inventory> {
    const result = await this.runOrThrow({
      args: ['info', '--output=json'],
      timeoutMs: askDeadlineMs,
      signal,
    });
    return parseInfo(result.stdout, this.place.stanza);
  }

  async archive(signal?: AbortSignal): Promise<ArchiveListing> {
    const path = `archive/${this.place.stanza}`;
    const args = ['repo-ls', '--recurse', '--output=json', path];
    const result = await this.runOrThrow({ args, timeoutMs: listingDeadlineMs, signal });
    return parseListing(result.stdout, null);
  }

  async history(archiveId: string, file: string, signal?: AbortSignal): Promise<string> {
    if (!/^\d+-\d+$/.test(archiveId) || !/^[0-9A-F]{8}\.history$/.test(file))
      throw new QuantaError('CONFIG_INVALID', `${file.slice(0, 60)} is no history file`);
    const path = `archive/${this.place.stanza}/${archiveId}/${file}`;
    return (await this.runOrThrow({ args: ['repo-get', path], timeoutMs: askDeadlineMs, signal })).stdout;
  }

  async fetchWal(segment: string, destination: string, signal?: AbortSignal): Promise<boolean> {
    const args = ['archive-get', segment, destination];
    const result = await this.run({ args, timeoutMs: askDeadlineMs, signal });
    // The program's own way to say that the archive has no such file.
    if (result.code === 1) return false;
    if (result.code !== 0) throw asError(failureOf(result.code, result.stderr));
    return true;
  }

  async verify(signal?: AbortSignal): Promise<Verification> {
    // One more try at once is for the network's sake; the next would come 15 s later, for every damaged file.
    const args = ['verify', '--output=text', '--verbose', '--job-retry=1'];
    let log = '';
    const result = await this.run({
      args,
      timeoutMs: verifyDeadlineMs,
      signal,
      logLevel: 'info',
      isGentle: true,
      onLog: (text) => {
        log = (log + text).slice(-listingBytesMax / 16);
      },
    });
    if (result.code !== 0) throw asError(failureOf(result.code, result.stderr));
    const unfinished = await this.unfinished(labelsInProgress(result.stdout), signal);
    const verified = parseVerification(result.stdout, log, unfinished);
    const damaged = await this.damagedCopies(
      verified.backups.map((backup) => backup.label),
      signal,
    );
    return withDamage(verified, damaged);
  }

  async restore(request: RestoreRequest): Promise<void> {
    const result = await this.runWithProgress(request, {
      args: [
        'restore',
        `--pg1-path=${request.dataDir}`,
        ...restoreArguments(request),
        ...(request.delta ? ['--delta'] : []),
        `--process-max=${request.processes}`,
        ...(request.tablespaceDir === null ? [] : [`--tablespace-map-all=${request.tablespaceDir}`]),
      ],
      timeoutMs: request.timeoutMs,
      signal: request.signal,
    });
    if (result.code !== 0) throw asError(failureOf(result.code, result.log));
  }

  async expire(request: ExpireRequest): Promise<string[]> {
    const { labels, backups: known, fullsWithWal, spared, signal } = request;
    let backups = known ?? (await this.inventory(signal)).backups;
    const stayed: string[] = [];
    for (const label of labels) {
      // Somebody may hold one while the others are removed, or before the first is.
      ({ backups } = await this.inventory(signal));
      if (spared?.(backups).has(label)) {
        stayed.push(label);
        continue;
      }
      // A full backup takes along what was built on it, so the next label may be gone by now.
      if (!backups.some((backup) => backup.label === label)) continue;
      refuseToTakeAlong(backups, label, labels);
      const args = ['expire', `--set=${checkedLabel(label)}`, ...keepEverything(backups)];
      await this.runOrThrow({ args, timeoutMs: expireDeadlineMs, signal });
    }
    if (labels.length > 0) ({ backups } = await this.inventory(signal));
    const fulls = backups.filter((backup) => backup.type === 'full');
    if (fulls.length === 0) return stayed;
    // The count is of the full ones that were to stay: with more of them it reaches no further back than it was to.
    const more = fulls.filter(({ label }) => stayed.includes(label)).length;
    const needed = request.withWal?.(backups);
    const oldest = fulls.findIndex(({ label }) => needed?.has(label));
    const reach = Math.max(1, (fullsWithWal ?? fulls.length) + more, oldest < 0 ? 0 : fulls.length - oldest);
    const withWal = Math.min(reach, fulls.length);
    const args = ['expire', ...keepEverything(backups), `--repo1-retention-archive=${withWal}`];
    await this.runOrThrow({ args, timeoutMs: expireDeadlineMs, signal });
    return stayed;
  }

  async annotate(label: string, notes: Record<string, string>): Promise<void> {
    const given = Object.entries(notes).map(([name, text]) => `--annotation=${name}=${text}`);
    const args = ['annotate', `--set=${checkedLabel(label)}`, ...given];
    await this.runOrThrow({ args, timeoutMs: askDeadlineMs });
  }

  /** A backup that was broken off stays as it is until the next one, and is no damage; one that is in the list has come to its end. */
  private async unfinished(labels: string[], signal?: AbortSignal): Promise<string[]> {
    if (labels.length === 0) return [];
    const { backups } = await this.inventory(signal);
    return labels.filter((label) => !backups.some((backup) => backup.label === label));
  }

  /** verify goes by whichever of two copies it can read: a damaged one is found by comparing them. */
  private async damagedCopies(labels: string[], signal?: AbortSignal): Promise<Map<string, string[]>> {
    const problems = new Map<string, string[]>();
    for (const file of repositoryFiles(this.place.stanza, labels)) {
      // One is written after the other, and a read may fail once: what is damaged is so a moment later as well.
      let found = await this.compared(file.path, signal);
      if (found.length > 0) {
        await delay(lookAgainMs, undefined, signal ? { signal } : {});
        found = await this.compared(file.path, signal);
      }
      if (found.length > 0) problems.set(file.label, [...(problems.get(file.label) ?? []), ...found]);
    }
    return problems;
  }

  private async compared(path: string, signal?: AbortSignal): Promise<string[]> {
    const texts = [this.textOf(path, signal), this.textOf(`${path}.copy`, signal)] as const;
    const [original, copy] = await Promise.all(texts);
    return damagedCopies(path, original, copy);
  }

  private async textOf(path: string, signal?: AbortSignal): Promise<string | null> {
    const result = await this.run({ args: ['repo-get', path], timeoutMs: askDeadlineMs, signal });
    return result.code === 0 ? result.stdout : null;
  }

  private async outcomeOf(run: Run): Promise<StanzaOutcome> {
    const result = await this.run(run);
    return result.code === 0 ? { ok: true } : { ok: false, failure: failureOf(result.code, result.stderr) };
  }

  private async runOrThrow(run: Run): Promise<CommandResult> {
    const result = await this.run(run);
    if (result.code === 0) return result;
    throw asError(failureOf(result.code, result.stderr));
  }

  private async runWithProgress(
    request: Pick<BackupRequest, 'onProgress' | 'isHeld'>,
    run: Run,
  ): Promise<{ code: number | null; log: string }> {
    const progress = new ProgressLog();
    let log = '';
    const brake = new Brake();
    const stopBraking = request.isHeld ? this.brake(brake, progress, request.isHeld) : () => undefined;
    const timer = setInterval(() => {
      void this.lockPercent().then((percent) => request.onProgress(progress.progress(percent)));
    }, progressEveryMs);
    try {
      const result = await this.run({
        ...run,
        logLevel: 'detail',
        onStart: (pid) => brake.started(pid),
        onLog: (text) => {
          progress.push(text);
          log = (log + withoutFileLines(text)).slice(-256 * 1024);
        },
      });
      return { code: result.code, log };
    } finally {
      brake.ended();
      stopBraking();
      clearInterval(timer);
    }
  }

  private brake(
    brake: Brake,
    progress: ProgressLog,
    isHeld: NonNullable<BackupRequest['isHeld']>,
  ): () => void {
    let isAsking = false;
    const ask = async () => {
      if (isAsking) return;
      isAsking = true;
      try {
        brake.set(await isHeld(progress.progress(null).phase));
      } finally {
        isAsking = false;
      }
    };
    // Whoever cannot say goes on.
    const timer = setInterval(() => void ask().catch(() => brake.set(false)), brakeEveryMs);
    return () => clearInterval(timer);
  }

  /** The program's answers in JSON only say that a backup runs; its lock file knows how far it is. */
  private async lockPercent(): Promise<number | null> {
    const { workDir, stanza } = this.place;
    try {
      return percentOf(await readFile(join(workDir, 'lock', `${stanza}-backup.lock`), 'utf8'));
    } catch {
      // It appears after the start and is gone before the end; the log's own percentage serves as well.
      return null;
    }
  }

  private run({
    args,
    timeoutMs,
    signal,
    logLevel = 'warn',
    onLog,
    onStart,
    isGentle = false,
  }: Run): Promise<CommandResult> {
    const { program, configFile, stanza, osUser } = this.place;
    const common = [`--config=${configFile}`, `--stanza=${stanza}`, `--log-level-stderr=${logLevel}`];
    const [file = program, ...wrapping] = isGentle
      ? [...gently(this.place.manners ?? usualManners), program]
      : [program];
    return runCommand({
      file,
      args: [...wrapping, ...common, ...args],
      osUser,
      timeoutMs,
      signal,
      diesWithUs: true,
      outputBytesMax: listingBytesMax,
      ...(onLog ? { onErrorOutput: onLog } : {}),
      ...(onStart ? { onStart } : {}),
    });
  }
}

/** Retention of the program's own that removes no backup: as many full ones as there are. */
function keepEverything(backups: readonly StoredBackup[]): string[] {
  const fulls = Math.max(1, backups.filter((backup) => backup.type === 'full').length);
  return [`--repo1-retention-full=${fulls}`, '--repo1-retention-full-type=count'];
}

/** The program removes whatever was made upon a backup together with it, and asks nobody. */
function refuseToTakeAlong(backups: readonly StoredBackup[], label: string, labels: readonly string[]): void {
  const going = new Set([label]);
  // Oldest first, as the program lists them: what a backup was made upon comes before it.
  for (const { label: each, prior } of backups) if (prior !== null && going.has(prior)) going.add(each);
  const kept = [...going].find((each) => !labels.includes(each));
  if (kept === undefined) return;
  throw new QuantaError('REFUSED', `${label} cannot be removed: ${kept}, which stays, was made upon it`);
}

function asError(failure: EngineFailure): QuantaError {
  const { reason, detail, hint } = failure;
  return new QuantaError('BACKUP_FAILED', detail, { hint, details: { reason } });
}

function typeOf(label: string): 'full' | 'diff' | 'incr' {
  if (label.endsWith('F')) return 'full';
  return label.endsWith('D') ? 'diff' : 'incr';
}

/** One line for every file of the database: what they add up to is kept, not the lines. */
function withoutFileLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes('DETAIL: '))
    .join('\n');
}

function withDamage(verified: Verification, damage: Map<string, string[]>): Verification {
  if (damage.size === 0) return verified;
  const backups = verified.backups.map((backup) => {
    const found = damage.get(backup.label) ?? [];
    return { ...backup, ok: backup.ok && found.length === 0, problems: [...backup.problems, ...found] };
  });
  return { ...verified, ok: false, backups, other: [...verified.other, ...(damage.get('') ?? [])] };
}
