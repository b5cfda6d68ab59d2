import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import { replicationAnswerSchema } from '@quantadb/engine/contract/replication-view';
import { messageOf } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { dataHosts } from '../clusters/data-hosts.ts';
import { inWordsOfRelease } from '../hosts/older-release.ts';
import type { Services } from '../services.ts';
import { procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const nodeReplicationSchema = z.object({
  node: z.string(),
  /** Null: there is no answer, and `problem` says why. */
  told: replicationAnswerSchema.nullable(),
  problem: z.string().nullable(),
});
type NodeReplication = z.infer<typeof nodeReplicationSchema>;

export const replicationRouter = router({
  look: procedure(
    'read',
    'GET /clusters/{clusterId}/replication',
    'What every PostgreSQL of a cluster sends, receives and keeps of WAL now',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** Only of this one. */
        node: nodeNameSchema.optional(),
      }),
    )
    .output(z.object({ nodes: z.array(nodeReplicationSchema) }))
    .query(async ({ ctx, input }) => {
      const hosts = await dataHosts(ctx.services, input.clusterId, input.node);
      return { nodes: await Promise.all(hosts.map((host) => ask(ctx.services, host))) };
    }),
});

async function ask({ links }: Services, node: string): Promise<NodeReplication> {
  try {
    const told = await inWordsOfRelease(node, () => links.call(node, 'replication', {}));
    return { node, told, problem: null };
  } catch (error) {
    return { node, told: null, problem: messageOf(error) };
  }
}
