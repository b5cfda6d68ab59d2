import { foundBy, isCopyOnly } from '@quantadb/engine/backup/findings';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import { damagedPages, failedWork, subjectOf, tooOld, unreadOf, viewsOf } from './backup-each.ts';
import { firstOf, leftWords } from './backup-findings.ts';
import type { KnownCluster } from './known.ts';
import { type ClusterRule, found, type Look, nothing, unknown, when } from './rule.ts';
import { countWords, timeWords } from './words.ts';

/** Rules about backups and the archive, from what a host tells of them (pure). */

type Configured = BackupOverview & { config: NonNullable<BackupOverview['config']> };

/** Only where backups are set up; the rule that asks for them is another one. */
function whereBackups(cluster: KnownCluster, look: (overview: Configured) => Look): Look {
  const { backups } = cluster;
  if (!backups) return unknown;
  return backups.config === null ? nothing : look(backups as Configured);
}

const minute = 60_000;
const hour = 3_600_000;
const day = 24 * hour;

export const backupRules: ClusterRule[] = [
  {
    ...{
      id: 'no-backups',
      title: 'No backups are set up',
      of: 'cluster',
      severity: 'info',
      forSeconds: 3600,
    },
    limits: {},
    runbook: {
      means: 'Replication is no backup: what is deleted by mistake is deleted everywhere.',
      look: ['The backups page of the cluster sets them up in one form.'],
      command: 'quantadb backup configure --help',
    },
    look: ({ name, backups }) =>
      backups ? when(backups.config === null, `${name} has no backups and archives no WAL.`) : unknown,
  },
  {
    ...{
      id: 'archiving-fails',
      title: 'Archiving fails',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 0,
    },
    limits: { minutes: { words: 'Failing for', unit: 'minutes', usual: 5, min: 0, max: 1440 } },
    runbook: {
      means:
        'WAL does not reach the repository. What is written meanwhile could not be restored, and the WAL that waits fills the disk of the primary.',
      look: [
        'The log of PostgreSQL on the primary: what pgBackRest answers.',
        'The repository: mounted, reachable, credentials valid, space left.',
      ],
      command: 'quantadb backup list',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, ({ archiving }) => {
        const sinceMs = archiving?.failingSinceMs ?? null;
        if (!archiving || sinceMs === null || nowMs - sinceMs < (limits.minutes ?? 0) * minute)
          return nothing;
        const waiting = countWords(archiving.waitingSegments, 'segment waits', 'segments wait');
        return when(
          true,
          `Archiving of ${cluster.name} fails for ${timeWords(nowMs - sinceMs)}; ${waiting}.`,
        );
      }),
  },
  {
    ...{ id: 'recovery-point-old', title: 'The recovery point is old', of: 'cluster', severity: 'warning' },
    forSeconds: 120,
    limits: { minutes: { words: 'Older than', unit: 'minutes', usual: 15, min: 1, max: 10_080 } },
    runbook: {
      means: 'Losing every host now would lose what was committed since then.',
      look: [
        'Archiving on the backups page: what waits, since when.',
        'archive_timeout, and whether the primary is idle.',
      ],
      command: 'quantadb backup list',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, ({ repository, archiving }) => {
        if (!repository?.newest) return nothing;
        // An idle database has no newer commit: then it is the arrival of WAL that tells.
        const known = [
          repository.newest.atMs,
          archiving?.failingSinceMs === null ? archiving.lastAtMs : null,
        ];
        const newestMs = Math.max(...known.filter((each) => each !== null));
        const ageMs = nowMs - newestMs;
        if (!Number.isFinite(newestMs) || (archiving?.waitingSegments ?? 0) === 0) return nothing;
        const waiting = countWords(archiving?.waitingSegments ?? 0, 'segment waits', 'segments wait');
        const sentence = `What ${cluster.name} has committed in the last ${timeWords(ageMs)} is in no repository (${waiting}).`;
        return when(ageMs > (limits.minutes ?? 0) * minute, sentence);
      }),
  },
  {
    ...{
      id: 'repository-unreadable',
      title: 'The repository cannot be read',
      of: 'cluster',
      severity: 'critical',
    },
    ...{ forSeconds: 300, limits: {} },
    runbook: {
      means: 'Nobody can tell which backups there are, and none can be restored from here now.',
      look: [
        'The repository: mounted, reachable, credentials valid.',
        'The same version of pgBackRest on every host.',
      ],
      command: 'quantadb backup list',
    },
    look: (cluster) =>
      whereBackups(cluster, ({ repository, problem }) => {
        const isBroken = repository?.state === 'broken' || repository?.state === 'missing';
        const why =
          problem ??
          (isBroken ? `${repository.state}${repository.detail ? `, ${repository.detail}` : ''}` : null);
        return why === null
          ? nothing
          : when(true, `The repository of ${cluster.name} cannot be read: ${why}`);
      }),
  },
  {
    ...{
      id: 'repository-owed',
      title: 'A repository has not got all WAL',
      of: 'cluster',
      severity: 'warning',
    },
    forSeconds: 0,
    limits: { minutes: { words: 'Owed for', unit: 'minutes', usual: 5, min: 0, max: 10_080 } },
    runbook: {
      means:
        'One of several repositories was away: the WAL meanwhile is in another one only, and is given to it when it is back. When that other one lets it go before, the one that was away has a gap.',
      look: ['That repository: mounted, reachable, credentials valid, space left.'],
      command: 'quantadb backup list',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, ({ repositories = [] }) =>
        found(
          ...repositories.flatMap(({ number, owed }) => {
            if (!owed || nowMs - owed.sinceMs < (limits.minutes ?? 0) * minute) return [];
            const count = `${owed.isMore ? 'more than ' : ''}${countWords(owed.segments, 'segment', 'segments')}`;
            const age = timeWords(nowMs - owed.sinceMs);
            return [
              {
                subject: `repository ${number}`,
                sentence: `Repository ${number} of ${cluster.name} is owed ${count} of WAL for ${age}.`,
              },
            ];
          }),
        ),
      ),
  },
  {
    ...{
      id: 'backup-too-old',
      title: 'The last backup is too old',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 3600,
    },
    limits: {
      late: { words: 'Later than scheduled by', unit: 'hours', usual: 6, min: 1, max: 8760 },
      hours: {
        words: 'Older than, where nothing is scheduled',
        unit: 'hours',
        usual: 36,
        min: 1,
        max: 8760,
      },
    },
    runbook: {
      means: 'A restore has to replay all WAL since the last backup, and needs every segment of it.',
      look: [
        'Past work on the backups page: whether the last ones failed.',
        'Schedules: whether one is switched off, outside its window, or held back by load.',
      ],
      command: 'quantadb backup now',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, (overview) => {
        if (!overview.repository) return unknown;
        const each = viewsOf(overview);
        const lateMs = { late: (limits.late ?? 0) * hour, unscheduled: (limits.hours ?? 0) * hour };
        return {
          findings: each.flatMap((view) => tooOld(view, { name: cluster.name, nowMs, lateMs })),
          unknown: unreadOf(overview).map(subjectOf),
        };
      }),
  },
  {
    ...{
      id: 'backup-failed',
      title: 'The last backup failed',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 0,
      limits: {},
    },
    runbook: {
      means:
        'The newest attempt at a backup, a verification or a drill failed. It stands until a later one of the kind succeeds.',
      look: ['Its detail on the backups page.', 'The log of the node that ran it.'],
      command: 'quantadb backup list',
    },
    look: (cluster) => whereBackups(cluster, (overview) => found(...failedWork(overview, cluster.name))),
  },
  {
    ...{
      id: 'backup-damaged',
      title: 'The repository is damaged',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 0,
      limits: {},
    },
    runbook: {
      means:
        'The last verification found files that are not as they were written, or WAL is missing: not every moment can be restored. It stands until a verification finds everything whole.',
      look: [
        'Found damaged on the backups page: the files by name, and what can still be restored.',
        'The disk of the repository, and who else writes there. Put files back from a copy, if there is one.',
        'Make a full backup now: from its end on every moment is possible again.',
        'Damaged pages are the database’s own: the same pages on another node, and the newest full backup without them, which stays.',
      ],
      command: 'quantadb backup now --type full',
    },
    look: (cluster) =>
      whereBackups(cluster, (overview) => {
        const { lastVerification, repository } = overview;
        const problems = foundBy(lastVerification);
        // After a gap that a backup follows nothing is lost any more but the moments in it.
        const open = (repository?.gaps ?? []).filter(
          ({ kind, resumesWith }) => kind === 'missing' && resumesWith === null,
        );
        const gaps = open.map(({ fromWal }) => `WAL from ${fromWal} on is missing or damaged`);
        const all = problems.length > 0 ? problems : gaps;
        const pages = damagedPages(overview, cluster.name);
        if (all.length === 0) return found(...pages);
        const sentence = `The repository of ${cluster.name} is damaged: ${firstOf(all)}. ${leftWords(overview)}`;
        const severity = isCopyOnly(lastVerification) && open.length === 0 ? ('warning' as const) : undefined;
        return found({ subject: '', sentence: sentence.trim(), ...(severity ? { severity } : {}) }, ...pages);
      }),
  },
  {
    ...{
      id: 'drill-not-whole',
      title: 'A drill found the restored copy not whole',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 0,
      limits: {},
    },
    runbook: {
      means:
        'The last drill restored the newest moment, and a check of the copy failed: the backup, or the database itself, is damaged, or a check of yours is wrong.',
      look: [
        'Restore drills on the backups page: which check, and what it answered.',
        'The same check on a standby: whether the database itself is damaged.',
      ],
      command: 'quantadb backup verify',
    },
    look: (cluster) =>
      whereBackups(cluster, ({ lastDrill }) => {
        const problems = foundBy(lastDrill);
        const sentence = `The last restore drill of ${cluster.name} found its copy not whole: ${firstOf(problems)}.`;
        return when(problems.length > 0, sentence);
      }),
  },
  {
    ...{
      id: 'backup-server-down',
      title: 'A backup server does not run',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 120,
      limits: {},
    },
    runbook: {
      means:
        'The repository is on the disk of a host, and `pgbackrest server` does not run there: no WAL arrives, and the WAL that waits fills the disk of the primary. On a node that has data it means that its data cannot be read for a backup.',
      look: [
        'What the server said last, on the backups page beside its host.',
        'Whether the host runs, the package pgbackrest is installed there, and its port is free and open.',
        'The log of the daemon on that host: it starts the server again, at most a minute later.',
      ],
      command: 'quantadb backup list',
    },
    look: (cluster) =>
      whereBackups(cluster, ({ servers }) => {
        const down = servers.filter(({ server }) => server === null || server.state === 'failed');
        const findings = down.map(({ node, gives, server }) => {
          const what = gives === 'repository' ? 'the repository' : 'its data to backups';
          const why = server
            ? `it has ended${server.detail ? `: ${server.detail}` : ''}`
            : 'it does not answer';
          return {
            ...{ subject: node, ...(gives === 'repository' ? {} : { severity: 'warning' as const }) },
            sentence: `The server by which ${node} gives ${what} of ${cluster.name} does not run: ${why}`,
          };
        });
        // One that ends again and again is beginning now and then.
        const begins = servers.filter(({ server }) => server?.state === 'starting');
        return { findings, unknown: begins.map(({ node }) => node) };
      }),
  },
  {
    ...{
      id: 'restore-not-proven',
      title: 'No restore was proven lately',
      of: 'cluster',
      severity: 'warning',
    },
    forSeconds: 3600,
    limits: { days: { words: 'Proven within', unit: 'days', usual: 14, min: 1, max: 3650 } },
    runbook: {
      means:
        'A backup that nobody has restored is a hope. A drill restores one into a scratch server, starts it and checks it.',
      look: ['Drills in the backup settings: schedule one.'],
      command: 'quantadb backup drill',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, ({ repository, lastDrill, lastVerification }) => {
        if (!repository || repository.backups.length === 0) return nothing;
        const provenMs = Math.max(
          ...[lastDrill, lastVerification].map((job) =>
            job?.state === 'done' && foundBy(job).length === 0 ? (job.endedAtMs ?? 0) : 0,
          ),
        );
        const limitMs = (limits.days ?? 0) * day;
        const oldestMs = Math.min(...repository.backups.map(({ stopMs }) => stopMs));
        // A cluster whose backups are younger than the limit has not had the time.
        if (nowMs - Math.max(provenMs, oldestMs) <= limitMs) return nothing;
        const last = provenMs === 0 ? 'never' : `${timeWords(nowMs - provenMs)} ago`;
        return when(
          true,
          `No drill or verification has proven the backups of ${cluster.name} in ${limits.days} days (last: ${last}).`,
        );
      }),
  },
];
