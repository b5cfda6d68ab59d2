import { z } from 'zod';
import type { BackupHost } from '../backup/backup-host.ts';
import { jobLookSchema, jobOrderSchema, sourceServerSchema, strainSchema } from '../backup/job-order.ts';
import {
  backupConfigSchema,
  pointNameSchema,
  repositoryNumberSchema,
  repositoryTestSchema,
  restorePointSchema,
} from '../contract/backup.ts';
import { backupNodeSchema, repositoryViewSchema } from '../contract/backup-view.ts';
import { type ClusterState, nodeNameSchema } from '../contract/cluster-state.ts';
import { besideLookSchema, besideOrderSchema, inPlaceOutlookSchema } from '../contract/restore.ts';
import { restoreTargetSchema } from '../contract/restore-target.ts';
import { QuantaError } from '../shared/errors.ts';

/** What daemons ask each other about backups; part of `peerMethods`. */

const cluster = { clusterId: z.string() };
/** Absent: the first. Since level 8. */
const inRepository = { repository: repositoryNumberSchema.optional() };
const refusableSchema = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);

export const backupPeerMethods = {
  /** Whether backups can run there, and how its archiving goes. */
  'backup-node': { input: z.object(cluster), output: backupNodeSchema },
  /** To the primary, or to the host that holds it: make the repository of a configuration that is about to be agreed on ready. */
  'prepare-repository': {
    input: z.object({
      ...cluster,
      config: backupConfigSchema,
      /** To the host that holds it: the primary's server. */
      servers: z.array(sourceServerSchema).max(1).default([]),
    }),
    output: refusableSchema,
  },
  /** To the primary: write a segment of WAL and wait until the repository has it. */
  'prove-archiving': { input: z.object({ ...cluster, ...inRepository }), output: refusableSchema },
  /** To the primary: a checkpoint, unless there was one since the promotion. */
  'checkpoint-for-backup': { input: z.object(cluster), output: refusableSchema },
  /** To the primary: push what a lost predecessor had not archived. */
  'mend-archive': {
    input: z.object(cluster),
    output: z.object({
      pushed: z.array(z.string()),
      lost: z.array(z.string()),
      failed: z.array(z.object({ name: z.string(), detail: z.string() })),
    }),
  },
  'start-backup-job': { input: z.object({ ...cluster, order: jobOrderSchema }), output: refusableSchema },
  /** Also what keeps it going: work that nobody asks about ends. */
  'look-at-backup-job': {
    input: z.object({
      ...{ ...cluster, id: z.string(), strain: strainSchema.nullable().optional() },
      /** While it runs the answer comes when it has ended, or after so long; releases before this one answer at once. */
      waitMs: z.number().int().min(0).max(5000).default(0),
    }),
    output: jobLookSchema,
  },
  'cancel-backup-job': {
    input: z.object({ ...cluster, id: z.string(), why: z.string().max(500) }),
    output: z.object({}),
  },
  'close-look': { input: z.object(cluster), output: z.object({}) },
  'backup-repository': { input: z.object({ ...cluster, ...inRepository }), output: repositoryViewSchema },
  /** To the primary. */
  'create-restore-point': {
    input: z.object({ ...cluster, name: pointNameSchema }),
    output: restorePointSchema.omit({ by: true }).extend({ hasLeft: z.boolean().default(false) }),
  },
  /** To the primary: what a restore in place would take, and give up. */
  'look-ahead': {
    input: z.object({ ...cluster, target: restoreTargetSchema }),
    output: inPlaceOutlookSchema,
  },
  /** To the primary: restore a moment beside the running data. */
  'start-beside': { input: z.object({ ...cluster, order: besideOrderSchema }), output: refusableSchema },
  /** Also what keeps it going. */
  'look-beside': { input: z.object({ ...cluster, id: z.string() }), output: besideLookSchema },
  'discard-beside': { input: z.object({ ...cluster, id: z.string() }), output: z.object({}) },
  /** Whether that node can use a repository that somebody thinks of. */
  'try-repository': {
    input: z.object({ ...cluster, test: repositoryTestSchema }),
    output: z.union([
      z.object({ ok: z.literal(true) }),
      z.object({ ok: z.literal(false), detail: z.string().max(2000), hint: z.string().max(1000) }),
    ]),
  },
  'annotate-backup': {
    input: z.object({ ...cluster, label: z.string(), notes: z.record(z.string(), z.string()) }),
    output: z.object({}),
  },
  /** To every host that takes part: serve by a configuration that is about to be agreed on, so that it can be tried. */
  'offer-backup-way': {
    input: z.object({ ...cluster, config: backupConfigSchema }),
    output: refusableSchema,
  },
  /** To a node that has data: whether it reaches the repository of such a configuration. */
  'try-backup-way': { input: z.object({ ...cluster, config: backupConfigSchema }), output: refusableSchema },
  /** To the host that holds the repository: a host of no cluster is to restore from it. */
  'admit-backup-reader': { input: z.object({ ...cluster, reader: nodeNameSchema }), output: refusableSchema },
} as const;

type Methods = typeof backupPeerMethods;
export type BackupPeerHandlers = {
  [Method in keyof Methods]: (
    input: z.infer<Methods[Method]['input']>,
  ) => Promise<z.infer<Methods[Method]['output']>>;
};

/** @param inCluster throws when this host is not in that cluster */
export function backupPeerHandlers(
  backups: BackupHost | null,
  inCluster: (clusterId: string) => ClusterState,
): BackupPeerHandlers {
  const host = (clusterId: string): BackupHost => {
    inCluster(clusterId);
    if (backups) return backups;
    throw new QuantaError('REFUSED', 'this host takes no part in backups');
  };
  return {
    'backup-node': async ({ clusterId }) => host(clusterId).describe(),
    'prepare-repository': async ({ clusterId, config, servers }) =>
      host(clusterId).prepareRepository(config, servers),
    'prove-archiving': async ({ clusterId, repository }) => host(clusterId).proveArchiving(repository ?? 1),
    'checkpoint-for-backup': async ({ clusterId }) => {
      await host(clusterId).checkpointAfterPromotion();
      return { ok: true };
    },
    'mend-archive': async ({ clusterId }) => host(clusterId).mend(),
    'start-backup-job': async ({ clusterId, order }) => host(clusterId).start(order),
    'look-at-backup-job': async ({ clusterId, id, strain, waitMs }) =>
      host(clusterId).look(id, { strain: strain ?? null, waitMs }),
    'cancel-backup-job': async ({ clusterId, id, why }) => {
      host(clusterId).cancel(id, why);
      return {};
    },
    'close-look': async ({ clusterId }) => {
      await host(clusterId).closeLook();
      return {};
    },
    'backup-repository': async ({ clusterId, repository }) => host(clusterId).repository(repository ?? 1),
    'create-restore-point': async ({ clusterId, name }) => host(clusterId).createRestorePoint(name),
    'look-ahead': async ({ clusterId, target }) => host(clusterId).lookAhead(target),
    'start-beside': async ({ clusterId, order }) => host(clusterId).beside.start(order),
    'look-beside': async ({ clusterId, id }) => host(clusterId).beside.look(id),
    'discard-beside': async ({ clusterId, id }) => {
      await host(clusterId).beside.discard(id);
      return {};
    },
    'try-repository': async ({ clusterId, test }) => host(clusterId).tryRepository(test),
    'annotate-backup': async ({ clusterId, label, notes }) => {
      await host(clusterId).annotate(label, notes);
      return {};
    },
    'offer-backup-way': async ({ clusterId, config }) => host(clusterId).way.offer(config),
    'try-backup-way': async ({ clusterId, config }) => host(clusterId).tryWay(config),
    'admit-backup-reader': async ({ clusterId, reader }) => host(clusterId).way.admit(reader),
  };
}
