import { nodeMetricSchema } from '@quantadb/engine/contract/node-metrics';
import {
  routerChoices,
  routerSettingNames,
  usualRouterSettings,
} from '@quantadb/engine/contract/router-settings';
import { settingsOverviewSchema } from '@quantadb/engine/contract/settings-view';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { withAnyHost } from '../clusters/any-host.ts';
import { eventWithoutValues, withoutPrivate } from '../clusters/private-settings.ts';
import { clusterView } from '../clusters/status-board.ts';
import { mayOn } from '../people/roles.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterIdSchema, clusterSchema, eventSchema, moment } from './shapes.ts';

const dayMs = 24 * 3_600_000;
const pageMax = 200;
const valuesSchema = z.array(z.number().nullable());
const settingValue = z.union([z.string(), z.number(), z.boolean()]);

export const clustersRouter = router({
  list: procedure('read', 'GET /clusters', 'Every cluster as it last reported itself', 'anywhere')
    .input(z.object({}))
    .output(z.array(clusterSchema))
    .query(async ({ ctx }) => {
      const all = await ctx.services.registry.list();
      return all.filter(({ clusterId }) => mayOn(principalOf(ctx), clusterId, 'read')).map(clusterView);
    }),

  get: procedure('read', 'GET /clusters/{clusterId}', 'One cluster as it last reported itself')
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(clusterSchema)
    .query(async ({ ctx, input }) => {
      return clusterView(await ctx.services.registry.get(input.clusterId));
    }),

  router: procedure(
    'read',
    'GET /clusters/{clusterId}/router',
    'Settings of the routers: what is usual, and what the cluster has agreed on',
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(
      z.array(
        z.object({
          name: z.enum(routerSettingNames),
          usual: settingValue,
          agreed: settingValue.nullable(),
          choices: z.array(z.string()).nullable(),
        }),
      ),
    )
    .query(async ({ ctx, input }) => {
      const { status } = await ctx.services.registry.get(input.clusterId);
      return routerSettingNames.map((name) => ({
        ...{ name, usual: usualRouterSettings[name], agreed: status.router[name] ?? null },
        choices: routerChoices[name]?.slice() ?? null,
      }));
    }),

  settings: procedure(
    'read',
    'GET /clusters/{clusterId}/settings',
    "PostgreSQL's settings as every node has them now, and what was set for the whole cluster",
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(settingsOverviewSchema)
    .query(async ({ ctx, input }) => {
      const overview = await withAnyHost(ctx.services, input.clusterId, (host) =>
        ctx.services.links.call(host, 'settings', {}),
      );
      const mayOperate = mayOn(principalOf(ctx), input.clusterId, 'operate');
      if (overview) return mayOperate ? overview : withoutPrivate(overview);
      throw new QuantaError('NOT_FOUND', 'the host that was asked is in no cluster');
    }),

  events: procedure(
    'read',
    'GET /clusters/{clusterId}/events',
    'What has happened in a cluster, newest first',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** Only events before this one: the last id of the page before. */
        before: z.coerce.number().int().optional(),
        /** Only events of this node. */
        node: z.string().max(100).optional(),
        limit: z.coerce.number().int().min(1).max(pageMax).default(50),
      }),
    )
    .output(z.array(eventSchema))
    .query(async ({ ctx, input }) => {
      const rows = await ctx.services.prisma.clusterEvent.findMany({
        where: {
          clusterId: input.clusterId,
          ...(input.before === undefined ? {} : { id: { lt: input.before } }),
          ...(input.node === undefined ? {} : { node: input.node }),
        },
        orderBy: { id: 'desc' },
        take: input.limit,
      });
      const seen = mayOn(principalOf(ctx), input.clusterId, 'operate') ? rows : rows.map(eventWithoutValues);
      return seen.map(({ id, at, severity, kind, node, message }) => {
        return { id, at: at.toISOString(), severity, kind, node, message };
      });
    }),

  lag: procedure(
    'read',
    'GET /clusters/{clusterId}/lag',
    'Replication lag per standby, the worst of each bucket',
  )
    .input(z.object({ clusterId: clusterIdSchema, from: moment, to: moment }))
    .output(
      z.array(
        z.object({
          node: z.string(),
          at: moment,
          lagBytes: z.number().nullable(),
          lagMs: z.number().nullable(),
        }),
      ),
    )
    .query(async ({ ctx, input }) => {
      const range = rangeOf(input);
      const buckets = await ctx.services.samples.lag(input.clusterId, range);
      return buckets.map(({ node, atMs, lagBytesMax, lagMsMax }) => {
        return { node, at: new Date(atMs).toISOString(), lagBytes: lagBytesMax, lagMs: lagMsMax };
      });
    }),

  figures: procedure(
    'read',
    'GET /clusters/{clusterId}/figures',
    'What nodes measured of themselves and their hosts over time: mean, least and greatest of each bucket',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** Comma-separated. */
        names: z.string().max(1000),
        from: moment,
        to: moment,
      }),
    )
    .output(
      z.object({
        names: z.array(nodeMetricSchema),
        buckets: z.array(
          z.object({
            node: z.string(),
            at: moment,
            mean: valuesSchema,
            low: valuesSchema,
            high: valuesSchema,
          }),
        ),
      }),
    )
    .query(async ({ ctx, input }) => {
      const parsed = z.array(nodeMetricSchema).min(1).safeParse(input.names.split(','));
      if (!parsed.success) {
        const known = nodeMetricSchema.options.join(', ');
        throw new QuantaError('PROTOCOL_VIOLATION', `names are some of ${known}`);
      }
      const names = parsed.data;
      const buckets = await ctx.services.figures.read(input.clusterId, names, rangeOf(input));
      return {
        names,
        buckets: buckets.map(({ atMs, ...bucket }) => ({ ...bucket, at: new Date(atMs).toISOString() })),
      };
    }),
});

/** @throws QuantaError PROTOCOL_VIOLATION */
function rangeOf({ from, to }: { from: string; to: string }): { fromMs: number; toMs: number } {
  const range = { fromMs: Date.parse(from), toMs: Date.parse(to) };
  const isReasonable = range.fromMs < range.toMs && range.toMs - range.fromMs <= 31 * dayMs;
  if (isReasonable) return range;
  throw new QuantaError('PROTOCOL_VIOLATION', 'from must lie before to, at most 31 days apart');
}
