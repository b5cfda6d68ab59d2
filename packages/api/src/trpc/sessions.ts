import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import {
  outcomeWords,
  sessionEndSchema,
  sessionOutcomeSchema,
  sessionSchema,
} from '@quantadb/engine/contract/sessions';
import { blockingForest } from '@quantadb/engine/monitor/sessions/blocking';
import { messageOf } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { attempt } from '../audit/attempt.ts';
import { clusterNameOf } from '../clusters/cluster-name.ts';
import { dataHosts } from '../clusters/data-hosts.ts';
import { withoutText } from '../clusters/session-text.ts';
import { inWordsOfRelease } from '../hosts/older-release.ts';
import { mayOn } from '../people/roles.ts';
import type { Services } from '../services.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const blockingSchema = z.object({
  /** 0: a prepared transaction. */
  pid: z.number().int(),
  depth: z.number().int(),
  /** How many wait below it. */
  waiting: z.number().int(),
  /** Others it waits for, beside the one it stands under. */
  alsoBlockedBy: z.array(z.number().int()),
  /** It waits for one that waits for it. */
  isKnot: z.boolean(),
});

const nodeSessionsSchema = z.object({
  node: z.string(),
  sessions: z.array(sessionSchema),
  /** How many more there are than are told. */
  leftOut: z.number().int(),
  /** Who keeps whom waiting, from the top down; empty while nobody waits. */
  blocking: z.array(blockingSchema),
  /** Why there is no answer; null: there is one. */
  problem: z.string().nullable(),
});
type NodeSessions = z.infer<typeof nodeSessionsSchema>;

export const sessionsRouter = router({
  list: procedure(
    'read',
    'GET /clusters/{clusterId}/sessions',
    'What every PostgreSQL of a cluster is doing now, and who waits for whom; statements are for operators',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** Only of this one. */
        node: nodeNameSchema.optional(),
      }),
    )
    .output(
      z.object({
        nodes: z.array(nodeSessionsSchema),
        /** Statements are left out, because whoever asks may only look. */
        isTextHidden: z.boolean(),
      }),
    )
    .query(async ({ ctx, input }) => {
      const hosts = await dataHosts(ctx.services, input.clusterId, input.node);
      const isTextHidden = !mayOn(principalOf(ctx), input.clusterId, 'operate');
      const nodes = await Promise.all(hosts.map((host) => ask(ctx.services, host)));
      return { nodes: isTextHidden ? nodes.map(hidden) : nodes, isTextHidden };
    }),

  end: procedure(
    'operate',
    'POST /clusters/{clusterId}/nodes/{node}/sessions/{pid}/end',
    'Cancels the statement of a session, or ends the session',
  )
    .input(
      z
        .object({
          clusterId: clusterIdSchema,
          node: nodeNameSchema,
          pid: z.coerce.number().int().min(1),
          /** As it was listed: another session may have the same pid by now. */
          startedAt: sessionSchema.shape.startedAt,
          how: sessionEndSchema,
          reason: z.string().trim().max(500).default(''),
        })
        .refine(({ how, reason }) => how === 'cancel' || reason !== '', {
          message: 'a reason is needed to terminate a session',
        }),
    )
    .output(z.object({ outcome: sessionOutcomeSchema, words: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const { services } = ctx;
      const { clusterId, node, pid, startedAt, how, reason } = input;
      const [host = node] = await dataHosts(services, clusterId, node);
      const record = {
        action: `${how}-session`,
        target: `${await clusterNameOf(services, clusterId)}/${node}/${pid}`,
        reason,
      };
      return attempt(ctx, {
        ...record,
        ask: async () => {
          const { outcome } = await inWordsOfRelease(host, () =>
            services.links.call(host, 'endSession', { pid, startedAt, how }),
          );
          return { outcome, words: outcomeWords({ pid, how }, outcome) };
        },
        ended: ({ words }) => ({ outcome: 'done', detail: words }),
      });
    }),
});

async function ask({ links }: Services, host: string): Promise<NodeSessions> {
  try {
    const { sessions, leftOut } = await inWordsOfRelease(host, () => links.call(host, 'sessions', {}));
    return { node: host, sessions, leftOut, blocking: blockingForest(sessions), problem: null };
  } catch (error) {
    return { node: host, sessions: [], leftOut: 0, blocking: [], problem: messageOf(error) };
  }
}

function hidden(node: NodeSessions): NodeSessions {
  return { ...node, sessions: node.sessions.map(withoutText) };
}
