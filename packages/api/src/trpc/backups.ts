import { nextRuns, scheduleProblem } from '@quantadb/engine/backup/schedule';
import { scheduleWords } from '@quantadb/engine/backup/schedule-words';
import {
  backupTypeSchema,
  repositoryNumberSchema,
  repositoryTestedSchema,
  repositoryTestSchema,
  retentionSchema,
  scheduleSchema,
} from '@quantadb/engine/contract/backup';
import { backupOverviewSchema, goesSchema } from '@quantadb/engine/contract/backup-view';
import { restorePlanningSchema } from '@quantadb/engine/contract/restore';
import { restoreTargetSchema } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { attempt } from '../audit/attempt.ts';
import { withAnyHost } from '../clusters/any-host.ts';
import { clusterNameOf } from '../clusters/cluster-name.ts';
import { ofRepository, previewRetention } from '../clusters/retention-preview.ts';
import type { Services } from '../services.ts';
import { procedure, router } from './init.ts';
import { clusterIdSchema, eventSchema, moment } from './shapes.ts';

const runsShown = 5;
const historyMax = 1000;
const historyMsMax = 400 * 24 * 3_600_000;
/** What happened to backups, and what a line of time has to show beside them. */
const historyKinds = ['backup-ended', 'backup-delayed', 'archiving', 'primary-open', 'backup-settings'];
const fateSchema = z.object({ goes: goesSchema.nullable(), because: z.array(z.string()) });

/** Backups are the clusters' own: what they are is asked of a node, and only what has happened is kept here. */
export const backupsRouter = router({
  get: procedure(
    'read',
    'GET /clusters/{clusterId}/backups',
    'Backups of a cluster, and which moments can be restored to',
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(backupOverviewSchema)
    .query(({ ctx, input }) => overviewOf(ctx.services, input.clusterId)),

  planRestore: procedure(
    'operate',
    'POST /clusters/{clusterId}/backups/restore-plan',
    'What a restore to a moment would take, or the nearest possible moments',
  )
    .input(z.object({ clusterId: clusterIdSchema, target: restoreTargetSchema }))
    .output(restorePlanningSchema)
    .mutation(({ ctx, input }) =>
      withAnyHost(ctx.services, input.clusterId, (host) =>
        ctx.services.links.call(host, 'planRestore', { source: null, target: input.target }),
      ),
    ),

  tryRepository: procedure(
    'operate',
    'POST /clusters/{clusterId}/backups/repository-test',
    'Every data node writes, reads and deletes a file in a repository; nothing is set',
  )
    .input(repositoryTestSchema.extend({ clusterId: clusterIdSchema }))
    .output(repositoryTestedSchema)
    .mutation(async ({ ctx, input }) => {
      const { services } = ctx;
      const { clusterId, ...test } = input;
      const target = await clusterNameOf(services, clusterId);
      const record = { action: 'try-repository', target, reason: '', after: input.repository };
      return attempt(ctx, {
        ...record,
        ask: () =>
          withAnyHost(services, clusterId, (host) => services.links.call(host, 'tryRepository', test)),
        ended: ({ nodes }) => {
          const failed = nodes.filter(({ ok }) => !ok).map(({ node }) => node);
          const detail = failed.length === 0 ? 'every node can use it' : `not ${failed.join(', ')}`;
          return { outcome: 'done', detail };
        },
      });
    }),

  history: procedure(
    'read',
    'GET /clusters/{clusterId}/backups/history',
    'What has happened to backups and archiving, and when another primary began, oldest first',
  )
    .input(z.object({ clusterId: clusterIdSchema, from: moment, to: moment }))
    .output(z.array(eventSchema))
    .query(async ({ ctx, input }) => {
      const from = new Date(input.from);
      const to = new Date(input.to);
      const rangeMs = to.getTime() - from.getTime();
      if (rangeMs < 0 || rangeMs > historyMsMax)
        throw new QuantaError('PROTOCOL_VIOLATION', 'from must lie before to, at most 400 days apart');
      const rows = await ctx.services.prisma.clusterEvent.findMany({
        where: { clusterId: input.clusterId, at: { gte: from, lte: to }, kind: { in: historyKinds } },
        orderBy: { id: 'desc' },
        take: historyMax,
      });
      return rows.reverse().map(({ id, at, severity, kind, node, message }) => {
        return { id, at: at.toISOString(), severity, kind, node, message };
      });
    }),

  previewSchedules: procedure(
    'read',
    'POST /clusters/{clusterId}/backups/schedule-preview',
    'Schedules in words, and the next five runs of each; nothing is changed',
  )
    .input(z.object({ clusterId: clusterIdSchema, schedules: z.array(scheduleSchema).max(51) }))
    .output(
      z.array(
        z.object({
          id: z.string(),
          words: z.string(),
          /** Why it cannot be kept; null when it can. */
          problem: z.string().nullable(),
          nextMs: z.array(z.number()),
        }),
      ),
    )
    .query(({ input }) =>
      input.schedules.map((schedule) => {
        const problem = scheduleProblem(schedule);
        const from = { nowMs: Date.now(), count: runsShown };
        return {
          ...{ id: schedule.id, words: scheduleWords(schedule.cron), problem },
          nextMs: problem === null ? nextRuns(schedule, input.clusterId, from) : [],
        };
      }),
    ),

  previewRetention: procedure(
    'read',
    'POST /clusters/{clusterId}/backups/retention-preview',
    'What other rules of retention would do to the backups there are; nothing is changed',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        retention: retentionSchema,
        /** Whose backups, and whose rules of now; absent: the first. */
        repository: repositoryNumberSchema.optional(),
      }),
    )
    .output(
      z.array(
        z.object({
          label: z.string(),
          type: backupTypeSchema,
          stopMs: z.number(),
          repositoryBytes: z.number(),
          today: fateSchema,
          changed: fateSchema,
        }),
      ),
    )
    .query(async ({ ctx, input }) => {
      const { config, repository, problem } = await overviewOf(ctx.services, input.clusterId);
      if (!config) return [];
      if (!repository) throw new QuantaError('REFUSED', problem ?? 'the repository cannot be read now');
      const number = input.repository ?? 1;
      const further = config.further?.find((each) => each.number === number);
      const rules = { today: (further ?? config).retention, changed: input.retention };
      return previewRetention(ofRepository(repository, number), rules, Date.now());
    }),
});

async function overviewOf(services: Services, clusterId: string) {
  const overview = await withAnyHost(services, clusterId, (host) => services.links.call(host, 'backups', {}));
  if (overview) return overview;
  throw new QuantaError('NOT_FOUND', 'the host that was asked is in no cluster');
}
