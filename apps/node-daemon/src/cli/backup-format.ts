import { foundBy, isCopyOnly } from '@quantadb/engine/backup/findings';
import { awaitedWords } from '@quantadb/engine/backup/given-up';
import { placeOf } from '@quantadb/engine/backup/repositories';
import type { BackupJob, Look } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { RestorePlanning } from '@quantadb/engine/contract/restore';
import { bytesText, millisecondsText, table } from './format.ts';

/** Text about backups for people (pure). */

export function backupsText(overview: BackupOverview, nowMs: number): string {
  const { config, repository } = overview;
  if (!config)
    return 'This cluster has no backup repository. Set one: quantadb backup configure --path <directory>';
  const head = [
    overview.repositories.length > 0
      ? `${overview.repositories.length} repositories:`
      : `Repository ${placeOf(config.repository)}${config.repository.encrypted ? ', encrypted' : ''}: ${overview.problem ?? repository?.detail ?? 'unknown'}`,
    ...repositoryLines(overview, nowMs),
    ...serverLines(overview),
    ...newestLine(overview, nowMs),
    ...archivingLine(overview, nowMs),
    ...(overview.job ? [`Now: ${jobText(overview.job)}`] : []),
    drillLine(overview, nowMs),
    ...verificationLine(overview, nowMs),
    ...(overview.look ? [lookText(overview.look)] : []),
  ];
  const sections = [head.join('\n')];
  if (repository) {
    sections.push(backupTable(repository));
    const awaited = awaitedWords(repository);
    const lines = [
      ...intervalLines(repository),
      ...gapLines(repository),
      ...(awaited === null ? [] : [awaited]),
      ...repository.conflicts,
    ];
    if (lines.length > 0) sections.push(lines.join('\n'));
  }
  if (overview.nextRuns.length > 0)
    sections.push(
      overview.nextRuns
        .map(({ what, atMs }) => `Next ${what}: ${atMs.slice(0, 3).map(momentText).join(', ')}`)
        .join('\n'),
    );
  if (overview.points.length > 0)
    sections.push(
      table(
        ['restore point', 'set at', 'position', 'state'],
        overview.points
          .slice(-10)
          .map(({ name, atMs, lsn, isLost }) => [
            name,
            momentText(atMs),
            lsn,
            isLost ? 'CANNOT BE REACHED: no backup leads there, or WAL before it is missing' : '',
          ]),
      ),
    );
  return sections.join('\n\n');
}

/** Each of several, with its place, its state, and what it is owed. */
function repositoryLines({ config, repositories }: BackupOverview, nowMs: number): string[] {
  if (!config) return [];
  return repositories.map((each) => {
    const { owed, newest } = each;
    const state =
      each.problem ??
      `${each.backups} ${each.backups === 1 ? 'backup' : 'backups'}${newest ? `, up to ${newest.atMs === null ? newest.lsn : momentText(newest.atMs)}` : ''}`;
    const gap = each.missingSegments > 0 ? `; GAP: ${each.missingSegments} segments are missing` : '';
    const owes = owed
      ? `; is owed ${owed.isMore ? 'more than ' : ''}${owed.segments} segments for ${ageText(nowMs - owed.sinceMs)}`
      : '';
    return `  ${each.number}: ${each.place}: ${state.replace(/\s+/g, ' ')}${gap}${owes}`;
  });
}

/** The one of the repository in any case, those of the nodes when something is wrong with them. */
function serverLines({ servers }: BackupOverview): string[] {
  return servers.flatMap(({ node, gives, server }) => {
    if (gives === 'data' && server?.state === 'running') return [];
    const what = gives === 'repository' ? 'The repository is served by' : 'Backups read the data of';
    if (!server) return [`${what} ${node}: it does NOT answer.`];
    const state = server.state === 'failed' ? `FAILED: ${server.detail || 'it has ended'}` : server.state;
    return [`${what} ${node}, port ${server.port}: ${state}.`];
  });
}

function newestLine({ repository }: BackupOverview, nowMs: number): string[] {
  const newest = repository?.newest;
  if (!newest) return ['Nothing can be restored now: no backup is whole.'];
  if (newest.atMs === null) return [`Restorable up to ${newest.lsn} of timeline ${newest.timeline}.`];
  return [`Restorable up to ${momentText(newest.atMs)}, ${ageText(nowMs - newest.atMs)} ago.`];
}

function archivingLine({ archiving }: BackupOverview, nowMs: number): string[] {
  if (!archiving) return ['Archiving: the primary does not say.'];
  const waiting = archiving.waitingSegments > 0 ? `, ${archiving.waitingSegments} segments wait` : '';
  if (archiving.failingSinceMs !== null)
    return [`Archiving FAILS since ${momentText(archiving.failingSinceMs)}${waiting}.`];
  const last = archiving.lastAtMs === null ? 'nothing yet' : `${ageText(nowMs - archiving.lastAtMs)} ago`;
  return [`Archiving: last segment ${last}${waiting}.`];
}

function drillLine({ lastDrill }: BackupOverview, nowMs: number): string {
  const result = lastDrill?.result;
  if (!lastDrill || result?.kind !== 'drill')
    return 'Last proven restore: never. Prove one: quantadb backup drill';
  const { restoreMs, recoveryMs, findings } = result.drill;
  const failed = findings.filter((finding) => !finding.ok);
  const verdict = failed.length === 0 ? 'good' : `${failed.length} of ${findings.length} checks FAILED`;
  return `Last proven restore: ${ageText(nowMs - (lastDrill.endedAtMs ?? 0))} ago, in ${millisecondsText(restoreMs + recoveryMs)}, ${verdict}.`;
}

function verificationLine({ lastVerification }: BackupOverview, nowMs: number): string[] {
  const result = lastVerification?.result;
  if (!lastVerification || result?.kind !== 'verify') return [];
  const isGood = result.verification.ok && result.gaps.length === 0;
  const age = ageText(nowMs - (lastVerification.endedAtMs ?? 0));
  return [
    `Last verification: ${age} ago, ${isGood ? 'good' : foundText(lastVerification)}.`,
    ...findingLines(lastVerification),
  ];
}

const findingsShown = 10;

function findingLines(job: BackupJob): string[] {
  const found = foundBy(job);
  const more = found.length > findingsShown ? [`  and ${found.length - findingsShown} more`] : [];
  return [...found.slice(0, findingsShown).map((each) => `  ! ${each}`), ...more];
}

function foundText(job: BackupJob): string {
  if (job.work.kind === 'drill') return 'the copy is NOT WHOLE';
  return isCopyOnly(job) ? 'one of two copies is damaged, and nothing is lost yet' : 'DAMAGE FOUND';
}

/**
 * What a verification or a drill came upon, and what that leaves.
 *
 * @param repository null and undefined: nobody could read it
 * @returns null when it found nothing wrong
 */
export function damageText(
  job: BackupJob,
  repository: BackupOverview['repository'] | undefined,
): string | null {
  if (foundBy(job).length === 0) return null;
  const unread = ['That cannot be told now. See: quantadb backup list'];
  const left = repository ? intervalLines(repository) : unread;
  return [
    `${job.work.kind}: ${foundText(job)}:`,
    ...findingLines(job),
    'What can still be restored:',
    ...(left.length > 0 ? left : ['Nothing.']).map((line) => `  ${line}`),
  ].join('\n');
}

function backupTable({ backups, expiring }: NonNullable<BackupOverview['repository']>): string {
  if (backups.length === 0) return 'There are no backups yet.';
  const going = new Set(expiring.map(({ label }) => label));
  const rows = backups.map((backup) => [
    backup.label,
    backup.type,
    momentText(backup.stopMs),
    millisecondsText(backup.stopMs - backup.startMs),
    bytesText(backup.databaseBytes),
    bytesText(backup.repositoryBytes),
    backup.notes['quantadb-node'] ?? '',
    stateText(backup, going.has(backup.label)),
  ]);
  return table(['backup', 'type', 'ended', 'took', 'database', 'stored', 'by', 'state'], rows);
}

function stateText(
  backup: NonNullable<BackupOverview['repository']>['backups'][number],
  isGoing: boolean,
): string {
  if (backup.unusable !== null) return `CANNOT BE RESTORED: ${backup.unusable}`;
  const damaged = backup.hasPageErrors ? 'holds damaged pages; ' : '';
  const place = backup.repository === undefined ? '' : `in ${backup.repository}; `;
  return `${place}${damaged}${isGoing ? 'goes with the next backup' : backup.keptBecause.join(', ')}`;
}

function intervalLines({ intervals }: NonNullable<BackupOverview['repository']>): string[] {
  return intervals.map((each) => {
    const to = each.toMs === null ? each.toLsn : momentText(each.toMs);
    const given = each.isAbandoned ? ` (timeline ${each.timeline}, given up)` : '';
    if (each.fromLsn === each.toLsn)
      return `The end of ${each.labels.join(', ')} at ${momentText(each.fromMs)}, and nothing behind it${given}${fromWords(each)}`;
    return `Any moment from ${momentText(each.fromMs)} to ${to}${given}${fromWords(each)}`;
  });
}

function gapLines({ gaps }: NonNullable<BackupOverview['repository']>): string[] {
  return gaps
    .filter((gap) => gap.kind === 'missing')
    .map((gap) => {
      const then = gap.resumesWith ? `; possible again from ${gap.resumesWith} on` : '';
      const isOne = gap.segments === 1;
      const what = `${gap.segments} ${isOne ? 'segment' : 'segments'} of WAL ${isOne ? 'is' : 'are'}`;
      const isDamaged = gap.damaged.length === gap.segments;
      const where = isOne ? gap.fromWal : `${gap.fromWal} to ${gap.toWal}`;
      return `GAP: ${what} ${isDamaged ? 'damaged' : 'missing'}, ${where}${then}${fromWords(gap)}`;
    });
}

function fromWords({ repository }: { repository?: number | undefined }): string {
  return repository === undefined ? '' : `, in repository ${repository}`;
}

export function jobText(job: BackupJob): string {
  const what = job.work.kind === 'backup' ? `${job.work.type} backup` : job.work.kind;
  const where = job.node ? ` on ${job.node}` : '';
  const percent = job.percent === null ? '' : ` ${job.percent.toFixed(1)} %`;
  const bytes = job.bytesDone === null ? '' : `, ${bytesText(job.bytesDone)}`;
  return `${what}${where}: ${job.state === 'waiting' ? 'waiting' : job.detail || job.state}${percent}${bytes}${job.state === 'waiting' && job.detail ? ` (${job.detail})` : ''}`;
}

/** What came of it, with what people have to know. */
export function endText(job: BackupJob): string {
  const warnings = job.warnings.map((each) => `\nWarning: ${each}`).join('');
  const look = job.result?.kind === 'look' ? `\n${lookText(job.result.look)}` : '';
  const isGood = job.state === 'done' && (job.work.kind === 'verify' || job.work.kind === 'drill');
  const words = isGood ? jobText({ ...job, detail: 'good' }) : jobText(job);
  return `${words}${warnings}${look}`;
}

function lookText(look: Look): string {
  const upTo = look.recoveredToMs === null ? look.label : momentText(look.recoveredToMs);
  return `Open for a look on ${look.node} until ${momentText(look.untilMs)}, as of ${upTo}. There, as root or postgres:\n  psql -h ${look.socketDir} -p ${look.port} -U ${look.user} <database>`;
}

export function planningText(planning: Extract<RestorePlanning, { ok: true }>): string {
  const { plan } = planning;
  const expected =
    plan.expectedMs === null ? 'unknown until a drill has measured it' : millisecondsText(plan.expectedMs);
  return [
    `From backup ${plan.label}${fromWords(plan)} (${bytesText(plan.databaseBytes)}), then at most ${plan.walSegmentsMax} segments of WAL, timeline ${plan.timeline}`,
    `Takes: ${expected}`,
    `Not in it: ${plan.lost}`,
    ...plan.warnings.map((warning) => `Warning: ${warning}`),
  ].join('\n');
}

export function momentText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
