import { randomUUID } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { AlertStore, alertsShownMax } from '../alerts/alert-store.ts';
import { silences, type Told, whoIsTold } from '../alerts/routing.ts';
import { severities } from '../alerts/rule.ts';
import { ruleOf } from '../alerts/rules.ts';
import { clusterNameOf } from '../clusters/cluster-name.ts';
import { allows, mayOn, type Permission } from '../people/roles.ts';
import type { Services } from '../services.ts';
import { type Context, principalOf, procedure, router } from './init.ts';
import { olderThan, pageByMoment, seenBy } from './page.ts';
import { clusterIdSchema, moment } from './shapes.ts';

const silencesShownMax = 1000;
const silenceMsMax = 366 * 24 * 3_600_000;
const noteSchema = z.string().trim().max(500);

export const runbookSchema = z.object({ means: z.string(), look: z.array(z.string()), command: z.string() });

const alertSchema = z.object({
  id: z.uuid(),
  rule: z.string(),
  title: z.string(),
  clusterId: clusterIdSchema.nullable(),
  cluster: z.string().nullable(),
  /** What it is about: a node, a host, an operation; empty: the cluster as a whole. */
  subject: z.string(),
  state: z.enum(['pending', 'firing', 'resolved']),
  severity: z.enum(severities),
  sentence: z.string(),
  since: moment,
  firing: moment.nullable(),
  resolved: moment.nullable(),
  acknowledged: z.object({ at: moment, by: z.string(), note: z.string() }).nullable(),
});

const firingSchema = alertSchema.extend({
  runbook: runbookSchema.nullable(),
  /** The silence that keeps it quiet now. */
  silencedBy: z.uuid().nullable(),
  /** Names of the channels that are told of it. */
  channels: z.array(z.string()),
  /** Who is told next while nobody acknowledges it, and when; no moment: the first ones are not told yet. */
  later: z.array(
    z.object({ at: moment.nullable(), afterMinutes: z.number(), channels: z.array(z.string()) }),
  ),
});

const silenceSchema = z.object({
  id: z.uuid(),
  rule: z.string().nullable(),
  clusterId: clusterIdSchema.nullable(),
  subject: z.string().nullable(),
  reason: z.string(),
  createdBy: z.string(),
  createdAt: moment,
  endsAt: moment,
});

type Row = Awaited<ReturnType<Services['prisma']['alert']['findMany']>>[number];

function view(row: Row): z.infer<typeof alertSchema> {
  const { id, rule, clusterId, cluster, subject, sentence, acknowledgedAt, acknowledgedBy, note } = row;
  const iso = (at: Date | null) => at?.toISOString() ?? null;
  return {
    ...{ id, rule, title: ruleOf(rule)?.title ?? rule, clusterId, cluster, subject, sentence },
    state: row.state as 'pending' | 'firing' | 'resolved',
    severity: row.severity as (typeof severities)[number],
    ...{ since: row.sinceAt.toISOString(), firing: iso(row.firingAt), resolved: iso(row.resolvedAt) },
    acknowledged: acknowledgedAt && {
      ...{ at: acknowledgedAt.toISOString(), by: acknowledgedBy ?? '', note: note ?? '' },
    },
  };
}

export const alertsRouter = router({
  firing: procedure(
    'read',
    'GET /alerts',
    'Alerts that fire now, and those that are about to, with what to do and who is told; the worst first, a thousand at most',
    'anywhere',
  )
    .input(z.object({ cluster: clusterIdSchema.optional() }))
    .output(z.array(firingSchema).max(alertsShownMax))
    .query(async ({ ctx, input }) => {
      const { prisma } = ctx.services;
      const store = new AlertStore(prisma);
      const nowMs = Date.now();
      const [rows, silenced, routes, channels] = await Promise.all([
        store.worst({
          ...(input.cluster === undefined ? {} : { clusterId: input.cluster }),
          // Not left out afterwards: what somebody may not read would take the place of what he may.
          AND: seenBy(principalOf(ctx)),
        }),
        store.silences(nowMs),
        store.routes(),
        prisma.alertChannel.findMany({ where: { isOn: true }, select: { id: true, name: true } }),
      ]);
      const shown = rows.map((row) => {
        const told = whoIsTold(row, { routes, silenced, nowMs });
        const namesOf = (ids: readonly string[]) =>
          channels.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
        return {
          ...view(row),
          runbook: ruleOf(row.rule)?.runbook ?? null,
          silencedBy: silenced.find((each) => silences(each, row, nowMs))?.id ?? null,
          channels: namesOf(told.channelIds),
          later: toldLater(row, told.later).map(({ channelIds, ...rest }) => {
            return { ...rest, channels: namesOf(channelIds) };
          }),
        };
      });
      return shown.sort((left, right) => weightOf(right) - weightOf(left));
    }),

  judged: procedure(
    'read',
    'GET /alerts/judged',
    'When the rules were last judged, by any console',
    'anywhere',
  )
    .input(z.object({}))
    .output(z.object({ at: moment.nullable(), ageMs: z.number().nullable() }))
    .query(async ({ ctx }) => {
      const row = await ctx.services.prisma.installation.findFirst({ select: { alertsJudgedAt: true } });
      const at = row?.alertsJudgedAt ?? null;
      return { at: at?.toISOString() ?? null, ageMs: at && Math.max(0, Date.now() - at.getTime()) };
    }),

  history: procedure('read', 'GET /alerts/history', 'Alerts that are over, the newest first', 'anywhere')
    .input(
      z.object({
        cluster: clusterIdSchema.optional(),
        /** By `resolved`. */
        ...pageByMoment(z.uuid()),
      }),
    )
    .output(z.array(alertSchema))
    .query(async ({ ctx, input }) => {
      const { cluster: clusterId, limit } = input;
      const rows = await ctx.services.prisma.alert.findMany({
        where: {
          state: 'resolved',
          ...(clusterId === undefined ? {} : { clusterId }),
          ...olderThan(input, (resolvedAt) => ({ resolvedAt })),
          // Not left out afterwards: a page with fewer than were asked for is the last one.
          AND: seenBy(principalOf(ctx)),
        },
        orderBy: [{ resolvedAt: 'desc' }, { id: 'desc' }],
        take: limit,
      });
      return rows.map(view);
    }),

  acknowledge: procedure(
    'operate',
    'POST /alerts/{alertId}/acknowledge',
    'Says that somebody is at it: nobody else is called for it',
    'anywhere',
  )
    .input(z.object({ alertId: z.uuid(), note: noteSchema.default('') }))
    .output(z.object({ acknowledged: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { alertId: id, note } = input;
      const { name } = principalOf(ctx);
      const { prisma, audit, alertsChanged } = ctx.services;
      const row = await prisma.alert.findUnique({ where: { id } });
      if (!row || !mayOnOne(ctx, row.clusterId, 'read')) throw new QuantaError('NOT_FOUND', 'no such alert');
      demandOn(ctx, row.clusterId, 'operate');
      if (row.state === 'resolved') throw new QuantaError('REFUSED', 'this alert is over');
      const data = { acknowledgedAt: new Date(), acknowledgedBy: name, note };
      await prisma.alert.update({ where: { id }, data });
      const target = `${row.rule}${row.cluster ? ` of ${row.cluster}` : ''}${row.subject ? ` (${row.subject})` : ''}`;
      const about = { ...ctx, clusterId: row.clusterId };
      await audit.write(about, { action: 'acknowledge-alert', target, reason: note, outcome: 'done' });
      alertsChanged(row.clusterId);
      return { acknowledged: true as const };
    }),

  silences: procedure(
    'read',
    'GET /alerts/silences',
    'Silences that are in force, the one that ends first on top',
    'anywhere',
  )
    .input(z.object({}))
    .output(z.array(silenceSchema))
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.alertSilence.findMany({
        // One that is of every cluster is of those too that somebody may read.
        where: { endsAt: { gt: new Date() }, OR: [{ clusterId: null }, seenBy(principalOf(ctx))] },
        orderBy: { endsAt: 'asc' },
        take: silencesShownMax,
      });
      return rows.map(({ endedBy: _endedBy, createdAt, endsAt, ...row }) => {
        return { ...row, createdAt: createdAt.toISOString(), endsAt: endsAt.toISOString() };
      });
    }),

  silence: procedure(
    'operate',
    'POST /alerts/silences',
    'Keeps alerts quiet until a moment: they are judged and shown, and nobody is told',
    'anywhere',
  )
    .input(
      z.object({
        /** Null matches every one; one of the three is needed. */
        rule: z.string().max(60).nullable().default(null),
        cluster: clusterIdSchema.nullable().default(null),
        subject: z.string().max(200).nullable().default(null),
        endsAt: moment,
        reason: z.string().trim().min(1).max(500),
      }),
    )
    .output(z.object({ id: z.uuid() }))
    .mutation(async ({ ctx, input }) => {
      const { rule, cluster: clusterId, subject, reason } = input;
      const { prisma, audit, alertsChanged } = ctx.services;
      demandOn(ctx, clusterId, 'operate');
      if (rule === null && clusterId === null && subject === null)
        throw new QuantaError('PROTOCOL_VIOLATION', 'a silence names a rule, a cluster or a subject');
      if (rule !== null && !ruleOf(rule)) throw new QuantaError('NOT_FOUND', `no rule is called ${rule}`);
      const endsAt = new Date(input.endsAt);
      const lengthMs = endsAt.getTime() - Date.now();
      if (lengthMs <= 0 || lengthMs > silenceMsMax)
        throw new QuantaError('PROTOCOL_VIOLATION', 'a silence ends in the future, within a year');
      const id = randomUUID();
      const data = { id, rule, clusterId, subject, reason, endsAt, createdBy: principalOf(ctx).name };
      await prisma.alertSilence.create({ data });
      const after = { rule, clusterId, subject, endsAt: input.endsAt };
      const target = await targetOf(ctx.services, { rule, clusterId, subject });
      const record = { action: 'silence-alerts', target, reason, after };
      await audit.write({ ...ctx, clusterId }, { ...record, outcome: 'done' });
      alertsChanged(clusterId);
      return { id };
    }),

  endSilence: procedure('operate', 'DELETE /alerts/silences/{id}', 'Ends a silence now', 'anywhere')
    .input(z.object({ id: z.uuid() }))
    .output(z.object({ ended: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit, alertsChanged } = ctx.services;
      const known = await prisma.alertSilence.findUnique({ where: { id: input.id } });
      if (known) demandOn(ctx, known.clusterId, 'operate');
      const now = new Date();
      const data = { endsAt: now, endedBy: principalOf(ctx).name };
      const { count } = await prisma.alertSilence.updateMany({
        where: { id: input.id, endsAt: { gt: now } },
        data,
      });
      if (count === 0) throw new QuantaError('NOT_FOUND', 'no such silence, or it is over');
      const about = { ...ctx, clusterId: known?.clusterId ?? null };
      const target = known ? await targetOf(ctx.services, known) : input.id;
      await audit.write(about, { action: 'end-silence', target, outcome: 'done' });
      alertsChanged(known?.clusterId ?? null);
      return { ended: true as const };
    }),
});

/** An audit entry outlives its cluster: it says the name people knew it by. */
async function targetOf(
  services: Pick<Services, 'prisma'>,
  what: { rule: string | null; clusterId: string | null; subject: string | null },
): Promise<string> {
  const cluster = what.clusterId === null ? null : await clusterNameOf(services, what.clusterId);
  const parts = [what.rule ?? 'every rule', cluster && `of ${cluster}`, what.subject && `(${what.subject})`];
  return parts.filter(Boolean).join(' ');
}

/** Null: the installation, and so every cluster. */
function mayOnOne(ctx: Context, clusterId: string | null, permission: Permission): boolean {
  const principal = principalOf(ctx);
  return clusterId === null ? allows(principal.role, permission) : mayOn(principal, clusterId, permission);
}

/** @throws TRPCError FORBIDDEN */
function demandOn(ctx: Context, clusterId: string | null, permission: Permission): void {
  if (mayOnOne(ctx, clusterId, permission)) return;
  const where = clusterId === null ? 'all clusters' : 'this cluster';
  throw new TRPCError({ code: 'FORBIDDEN', message: `your role on ${where} does not permit this` });
}

/** What is still to come of it; what was acknowledged calls nobody else. */
function toldLater({ acknowledgedAt, notifiedAt, escalatedAt }: Row, later: Told['later']) {
  if (acknowledgedAt) return [];
  return later.flatMap(({ afterMinutes, channelIds }) => {
    const at = notifiedAt && new Date(notifiedAt.getTime() + afterMinutes * 60_000);
    const isDone = at !== null && escalatedAt !== null && at <= escalatedAt;
    return isDone ? [] : [{ at: at?.toISOString() ?? null, afterMinutes, channelIds }];
  });
}

/** What is silent or has somebody at it comes after what nobody has seen. */
function weightOf(alert: z.infer<typeof firingSchema>): number {
  const isFiring = alert.state === 'firing' ? 100 : 0;
  const isQuiet = alert.silencedBy || alert.acknowledged ? -10 : 0;
  return isFiring + isQuiet + severities.indexOf(alert.severity);
}
