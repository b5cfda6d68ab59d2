import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
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
      id: 'backup-too-old',
      title: 'The last backup is too old',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 3600,
    },
    limits: { hours: { words: 'Older than', unit: 'hours', usual: 36, min: 1, max: 8760 } },
    runbook: {
      means: 'A restore has to replay all WAL since the last backup, and needs every segment of it.',
      look: ['Schedules: whether one is switched off, outside its window, or held back by load.'],
      command: 'quantadb backup now',
    },
    look: (cluster, { nowMs, limits }) =>
      whereBackups(cluster, ({ repository }) => {
        if (!repository) return unknown;
        const good = repository.backups.filter(({ unusable }) => unusable === null);
        if (good.length === 0) return when(true, `${cluster.name} has no backup that could be restored.`);
        const ageMs = nowMs - Math.max(...good.map(({ stopMs }) => stopMs));
        const sentence = `The newest backup of ${cluster.name} is ${timeWords(ageMs)} old.`;
        return when(ageMs > (limits.hours ?? 0) * hour, sentence);
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
    look: (cluster) =>
      whereBackups(cluster, ({ pastJobs }) =>
        found(
          ...(['backup', 'verify', 'drill'] as const).flatMap((kind) => {
            const last = pastJobs.findLast((job) => job.work.kind === kind && job.state !== 'cancelled');
            if (last?.state !== 'failed') return [];
            const where = last.node ? ` on ${last.node}` : '';
            return [
              {
                subject: kind,
                sentence: `The last ${kind} of ${cluster.name} failed${where}: ${last.detail}`,
              },
            ];
          }),
        ),
      ),
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
          ...[lastDrill, lastVerification].map((job) => (job?.state === 'done' ? (job.endedAtMs ?? 0) : 0)),
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
