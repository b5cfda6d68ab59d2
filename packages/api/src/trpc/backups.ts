import { backupOverviewSchema } from '@quantadb/engine/contract/backup-view';
import { restorePlanningSchema } from '@quantadb/engine/contract/restore';
import { restoreTargetSchema } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { withAnyHost } from '../clusters/any-host.ts';
import { procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

/** Backups are the clusters' own: everything here is asked of a node, nothing is kept. */
export const backupsRouter = router({
  get: procedure(
    'read',
    'GET /clusters/{clusterId}/backups',
    'Backups of a cluster, and which moments can be restored to',
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(backupOverviewSchema)
    .query(async ({ ctx, input }) => {
      const overview = await withAnyHost(ctx.services, input.clusterId, (host) =>
        ctx.services.links.call(host, 'backups', {}),
      );
      if (overview) return overview;
      throw new QuantaError('NOT_FOUND', 'the host that was asked is in no cluster');
    }),

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
});
