import { randomUUID } from 'node:crypto';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { AlertStore } from '../alerts/alert-store.ts';
import { channelConfigSchema } from '../alerts/channel-config.ts';
import type { Message } from '../alerts/message.ts';
import { whoIsTold } from '../alerts/routing.ts';
import { severities } from '../alerts/rule.ts';
import { effectiveRule, ruleOf } from '../alerts/rules.ts';
import { send } from '../alerts/send.ts';
import { mayOn } from '../people/roles.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterIdSchema, moment } from './shapes.ts';

const routesMax = 50;
const idsSchema = z.array(z.uuid()).max(100);

const routeSchema = z.object({
  name: z.string().trim().min(1).max(100),
  severities: z.array(z.enum(severities)).max(3),
  /** Empty: all clusters, and what is of none. */
  clusterIds: idsSchema,
  channelIds: idsSchema,
  /** After so many minutes that nobody has acknowledged it; null: never. */
  escalateMinutes: z.number().int().min(1).max(10_080).nullable(),
  escalateChannelIds: idsSchema,
});

const deliverySchema = z.object({
  id: z.uuid(),
  channel: z.string(),
  kind: z.string(),
  state: z.enum(['waiting', 'sent', 'failed']),
  attempts: z.number().int(),
  createdAt: moment,
  endedAt: moment.nullable(),
  error: z.string().nullable(),
});

export const alertChannelsRouter = router({
  list: procedure('read', 'GET /alerts/channels', 'Ways to reach people, without their secrets')
    .input(z.object({}))
    .output(
      z.array(
        z.object({
          id: z.uuid(),
          name: z.string(),
          kind: z.enum(['webhook', 'slack', 'email']),
          isOn: z.boolean(),
          /** What may be shown of it: to whom, through what. */
          shown: z.record(z.string(), z.string()),
          waiting: z.number().int(),
          last: deliverySchema.nullable(),
        }),
      ),
    )
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.alertChannel.findMany({
        orderBy: { name: 'asc' },
        include: {
          deliveries: { orderBy: { createdAt: 'desc' }, take: 1 },
          _count: { select: { deliveries: { where: { state: 'waiting' } } } },
        },
      });
      return rows.map(({ id, name, kind, isOn, settings, deliveries: [last], _count }) => ({
        ...{ id, name, kind: kind as 'webhook' | 'slack' | 'email', isOn, waiting: _count.deliveries },
        shown: settings as Record<string, string>,
        last: last ? deliveryView(last, name) : null,
      }));
    }),

  set: procedure(
    'administer',
    'POST /alerts/channels',
    'A new channel, or a change to one: without `config` its addresses and secrets stay as they are',
  )
    .input(
      z.object({
        id: z.uuid().nullable().default(null),
        name: z.string().trim().min(1).max(60),
        isOn: z.boolean().default(true),
        config: channelConfigSchema.nullable().default(null),
      }),
    )
    .output(z.object({ id: z.uuid() }))
    .mutation(async ({ ctx, input }) => {
      const { channels, audit } = ctx.services;
      const id = await channels.save({ ...input, changedBy: principalOf(ctx).name });
      const after = { isOn: input.isOn, addressChanged: input.config !== null };
      const action = input.id === null ? 'create-alert-channel' : 'change-alert-channel';
      await audit.write(ctx, { action, target: input.name, after, outcome: 'done' });
      return { id };
    }),

  remove: procedure('administer', 'DELETE /alerts/channels/{id}', 'Removes a channel and what waits for it')
    .input(z.object({ id: z.uuid() }))
    .output(z.object({ removed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit } = ctx.services;
      const row = await prisma.alertChannel.findUnique({ where: { id: input.id } });
      if (!row) throw new QuantaError('NOT_FOUND', 'no such channel');
      await prisma.alertChannel.deleteMany({ where: { id: input.id } });
      await audit.write(ctx, { action: 'remove-alert-channel', target: row.name, outcome: 'done' });
      return { removed: true as const };
    }),

  test: procedure(
    'administer',
    'POST /alerts/channels/{id}/test',
    'Sends a real message now, and says what came of it',
  )
    .input(z.object({ id: z.uuid() }))
    .output(z.object({ ok: z.boolean(), detail: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const { channels, prisma, audit, publicUrl } = ctx.services;
      const { name, config } = await channels.open(input.id);
      const at = new Date();
      const message = testMessage(principalOf(ctx).name, at, publicUrl);
      const id = randomUUID();
      const problem = await send(config, { deliveryId: id, message }).then(
        () => null,
        (error: unknown) => messageOf(error).slice(0, 500),
      );
      const ok = problem === null;
      const row = {
        id,
        channelId: input.id,
        kind: 'test',
        state: ok ? 'sent' : 'failed',
        attempts: 1,
        error: problem,
      };
      const dates = { createdAt: at, nextAt: at, endedAt: new Date() };
      await prisma.alertDelivery.createMany({ data: [{ ...row, ...dates, message: message as object }] });
      const outcome = ok ? 'done' : 'failed';
      await audit.write(ctx, { action: 'test-alert-channel', target: name, outcome, detail: problem ?? '' });
      return { ok, detail: problem ?? 'The other side has taken the message.' };
    }),

  deliveries: procedure(
    'read',
    'GET /alerts/{alertId}/deliveries',
    'What was told of an alert, to whom, and whether it arrived',
  )
    .input(z.object({ alertId: z.uuid() }))
    .output(z.array(deliverySchema))
    .query(async ({ ctx, input }) => {
      const { prisma } = ctx.services;
      const alert = await prisma.alert.findUnique({
        where: { id: input.alertId },
        select: { clusterId: true },
      });
      // Somebody may read everything but what this alert is about.
      if (alert?.clusterId && !mayOn(principalOf(ctx), alert.clusterId, 'read'))
        throw new QuantaError('NOT_FOUND', 'no such alert');
      const rows = await prisma.alertDelivery.findMany({
        where: { alertId: input.alertId },
        include: { channel: { select: { name: true } } },
        orderBy: { createdAt: 'asc' },
        take: 500,
      });
      return rows.map((row) => deliveryView(row, row.channel.name));
    }),

  routes: procedure(
    'read',
    'GET /alerts/routes',
    'Which alerts go where; the last one takes what no other takes',
  )
    .input(z.object({}))
    .output(z.array(routeSchema.extend({ id: z.uuid(), isDefault: z.boolean() })))
    .query(async ({ ctx }) => {
      const rows = await new AlertStore(ctx.services.prisma).routes();
      return rows.map(({ position: _position, severities: told, ...row }) => {
        return { ...row, severities: severities.filter((each) => told.includes(each)) };
      });
    }),

  setRoutes: procedure(
    'administer',
    'POST /alerts/routes',
    'Replaces every route; `rest` takes what no other takes',
  )
    .input(z.object({ routes: z.array(routeSchema).max(routesMax), rest: routeSchema }))
    .output(z.object({ changed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit, alertsChanged } = ctx.services;
      const all = [...input.routes, input.rest];
      const named = [...new Set(all.flatMap((route) => [...route.channelIds, ...route.escalateChannelIds]))];
      const known = await prisma.alertChannel.count({ where: { id: { in: named } } });
      if (known < named.length)
        throw new QuantaError('NOT_FOUND', 'a route names a channel that is not there');
      const rest = { ...input.rest, clusterIds: [] };
      await prisma.$transaction([
        prisma.alertRoute.deleteMany({ where: { isDefault: false } }),
        prisma.alertRoute.createMany({
          data: input.routes.map((route, position) => ({ id: randomUUID(), position, ...route })),
        }),
        prisma.alertRoute.updateMany({ where: { isDefault: true }, data: rest }),
      ]);
      await audit.write(ctx, {
        action: 'change-alert-routes',
        target: `${all.length} routes`,
        after: all,
        outcome: 'done',
      });
      alertsChanged(null);
      return { changed: true as const };
    }),

  whoGets: procedure(
    'read',
    'GET /alerts/who-gets',
    'Whom an alert of a rule would reach and when, for one cluster or for what is of none',
  )
    .input(z.object({ rule: z.string().max(60), cluster: clusterIdSchema.optional() }))
    .output(
      z.object({
        isOn: z.boolean(),
        severity: z.enum(severities),
        /** So long it must be true first. */
        forSeconds: z.number().int(),
        channels: z.array(z.string()),
        /** While nobody acknowledges it. */
        later: z.array(z.object({ afterMinutes: z.number().int(), channels: z.array(z.string()) })),
        /** Nobody is told until then. */
        silencedUntil: moment.nullable(),
      }),
    )
    .query(async ({ ctx, input }) => {
      const rule = ruleOf(input.rule);
      if (!rule) throw new QuantaError('NOT_FOUND', `no rule is called ${input.rule}`);
      const { prisma } = ctx.services;
      const store = new AlertStore(prisma);
      const clusterId = input.cluster ?? null;
      if (clusterId !== null && !mayOn(principalOf(ctx), clusterId, 'read'))
        throw new QuantaError('NOT_FOUND', 'no such cluster');
      const nowMs = Date.now();
      const [changed, routes, silenced, channels] = await Promise.all([
        ...([store.changedRules(), store.routes(), store.silences(nowMs)] as const),
        prisma.alertChannel.findMany({ where: { isOn: true }, select: { id: true, name: true } }),
      ]);
      const { isOn, severity, forSeconds } = effectiveRule(rule, changed, clusterId);
      const alert = { rule: rule.id, clusterId, subject: '', severity };
      // One that is about a subject keeps only that one quiet.
      const whole = silenced.filter(({ subject }) => subject === null);
      const told = whoIsTold(alert, { routes, silenced: whole, nowMs });
      const namesOf = (ids: readonly string[]) =>
        channels.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
      return {
        ...{ isOn, severity, forSeconds, channels: namesOf(told.channelIds) },
        later: told.later.map(({ afterMinutes, channelIds }) => {
          return { afterMinutes, channels: namesOf(channelIds) };
        }),
        silencedUntil: told.silencedUntilMs === null ? null : new Date(told.silencedUntilMs).toISOString(),
      };
    }),
});

interface DeliveryRow {
  id: string;
  kind: string;
  state: string;
  attempts: number;
  createdAt: Date;
  endedAt: Date | null;
  error: string | null;
}

function deliveryView(row: DeliveryRow, channel: string): z.infer<typeof deliverySchema> {
  const { id, kind, attempts, error, createdAt, endedAt } = row;
  return {
    ...{ id, channel, kind, attempts, error, state: row.state as 'waiting' | 'sent' | 'failed' },
    ...{ createdAt: createdAt.toISOString(), endedAt: endedAt?.toISOString() ?? null },
  };
}

function testMessage(by: string, at: Date, publicUrl: string): Message {
  return {
    ...{ version: 1, event: 'test', url: `${publicUrl}/alerts` },
    alert: {
      ...{
        id: randomUUID(),
        rule: 'test',
        title: 'A test',
        severity: 'info',
        cluster: null,
        clusterId: null,
      },
      ...{ subject: '', sentence: `${by} asked for this message; nothing is wrong.` },
      ...{ since: at.toISOString(), resolved: null },
    },
    runbook: { means: 'Messages of this console arrive here.', look: [], command: 'none' },
  };
}
