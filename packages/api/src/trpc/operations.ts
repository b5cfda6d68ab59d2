import { addressesSchema, hostKindSchema, type OperationStep } from '@quantadb/engine/contract/cluster-state';
import { type OperationRequest, operationPlanSchema } from '@quantadb/engine/contract/operations';
import { restoreWaySchema } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { attempt } from '../audit/attempt.ts';
import { withAnyHost } from '../clusters/any-host.ts';
import { clusterNameOf } from '../clusters/cluster-name.ts';
import { operationWithoutValues } from '../clusters/private-settings.ts';
import { refuseWhenProtected } from '../clusters/protection.ts';
import { mayOn, type Roles } from '../people/roles.ts';
import type { Services } from '../services.ts';
import { principalOf, procedure, requesterOf, router } from './init.ts';
import { olderThan, pageByMoment } from './page.ts';
import { clusterIdSchema, type Intent, intentSchema, operationViewSchema } from './shapes.ts';

export const operationsRouter = router({
  list: procedure('read', 'GET /clusters/{clusterId}/operations', 'Operations of a cluster, newest first')
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** By `startedAt`. */
        ...pageByMoment(z.uuid()),
      }),
    )
    .output(z.array(operationViewSchema))
    .query(async ({ ctx, input }) => {
      const rows = await ctx.services.prisma.operation.findMany({
        where: { clusterId: input.clusterId, ...olderThan(input, (startedAt) => ({ startedAt })) },
        include: { cluster: { select: { name: true } } },
        orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
        take: input.limit,
      });
      return rows.map((row) => viewFor(principalOf(ctx), row));
    }),

  get: procedure('read', 'GET /operations/{id}', 'One operation with its steps', 'anywhere')
    .input(z.object({ id: z.uuid() }))
    .output(operationViewSchema)
    .query(async ({ ctx, input }) => {
      const include = { cluster: { select: { name: true } } };
      const row = await ctx.services.prisma.operation.findUnique({ where: { id: input.id }, include });
      if (!row || !mayOn(principalOf(ctx), row.clusterId, 'read'))
        throw new QuantaError('NOT_FOUND', 'no such operation, or the control plane has not heard of it yet');
      return viewFor(principalOf(ctx), row);
    }),

  plan: procedure(
    'operate',
    'POST /clusters/{clusterId}/operations/plan',
    'What an operation would do, without doing it',
  )
    .input(z.object({ clusterId: clusterIdSchema, intent: intentSchema }))
    .output(operationPlanSchema)
    .mutation(async ({ ctx, input }) => {
      await refuseWhenProtected(ctx.services.prisma, input.clusterId, input.intent);
      const request = await requestOf(ctx.services, input.intent);
      return withAnyHost(ctx.services, input.clusterId, (host) =>
        ctx.services.links.call(host, 'plan', request),
      );
    }),

  start: procedure(
    'operate',
    'POST /clusters/{clusterId}/operations',
    'Starts an operation whose plan was confirmed',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        intent: intentSchema,
        /** `hash` of the plan; the cluster refuses when it has changed since. */
        planHash: z.string().max(100),
        /** `way` of the plan, where it has one: a refusal then says what is different. */
        way: restoreWaySchema.optional(),
        reason: z.string().max(500).default(''),
      }),
    )
    .output(z.object({ operationId: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const { services } = ctx;
      const { clusterId, intent, planHash, way, reason } = input;
      const requestedBy = requesterOf(ctx);
      const target = targetOf(await clusterNameOf(services, clusterId), intent);
      const record = { action: intent.kind, target, reason, after: withoutSecrets(intent) };
      return attempt(ctx, {
        ...record,
        ask: async () => {
          await refuseWhenProtected(services.prisma, clusterId, intent);
          const request = await requestOf(services, intent);
          const start = { request, planHash, requestedBy, reason, ...(way ? { way } : {}) };
          return withAnyHost(services, clusterId, (host) => services.links.call(host, 'start', start));
        },
        ended: ({ operationId }) => ({ outcome: 'started', detail: operationId }),
      });
    }),
});

type Row = Awaited<ReturnType<Services['prisma']['operation']['findFirstOrThrow']>> & {
  cluster: { name: string };
};

function viewFor(principal: Roles, row: Row) {
  const seen = view(row);
  return mayOn(principal, row.clusterId, 'operate') ? seen : operationWithoutValues(seen);
}

function view(row: Row) {
  const { id, clusterId, kind, state, requestedBy, reason, error } = row;
  return {
    ...{ id, clusterId, cluster: row.cluster.name, kind, state, requestedBy, reason, error },
    params: row.params as Record<string, string | number | boolean | null>,
    steps: row.steps as unknown as OperationStep[],
    startedAt: row.startedAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

function targetOf(cluster: string, intent: Intent): string {
  if (intent.kind === 'add-node') return `${cluster}/${intent.host}`;
  if (intent.kind === 'switchover') return `${cluster}/${intent.to ?? 'any'}`;
  if (intent.kind === 'forget-follower') return `${cluster}/${intent.cluster}`;
  return 'node' in intent ? `${cluster}/${intent.node}` : cluster;
}

/** The audit log says that secrets were set, not which. */
function withoutSecrets(intent: Intent) {
  if (intent.kind !== 'configure-backup') return intent;
  return { ...intent, secrets: intent.secrets === null ? null : 'set' };
}

async function requestOf(services: Services, intent: Intent): Promise<OperationRequest> {
  if (intent.kind !== 'add-node' && intent.kind !== 'replace-node') return intent;
  const host = await services.prisma.host.findUnique({ where: { name: intent.host } });
  if (!host || host.revokedAt) throw new QuantaError('NOT_FOUND', `no host named ${intent.host} is enrolled`);
  const kind = hostKindSchema.catch('data').parse(host.kind);
  return {
    ...intent,
    host: { name: host.name, kind, addresses: addressesSchema.parse(host.addresses) },
  };
}
