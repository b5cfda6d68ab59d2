import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { severities } from '../alerts/rule.ts';
import { everywhere, ruleOf, ruleSettingsSchema, rules, settingsProblem } from '../alerts/rules.ts';
import { clusterNameOf } from '../clusters/cluster-name.ts';
import { mayOn } from '../people/roles.ts';
import { runbookSchema } from './alerts.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const limitSchema = z.object({
  words: z.string(),
  unit: z.enum(['seconds', 'minutes', 'hours', 'days', 'bytes', 'percent', 'count']),
  usual: z.number(),
  min: z.number(),
  max: z.number(),
});

export const alertRulesRouter = router({
  list: procedure(
    'read',
    'GET /alerts/rules',
    'Every rule: what it watches, its usual limits, and what was changed for all clusters or for one',
  )
    .input(z.object({}))
    .output(
      z.array(
        z.object({
          id: z.string(),
          title: z.string(),
          of: z.enum(['cluster', 'host', 'installation']),
          severity: z.enum(severities),
          forSeconds: z.number().int(),
          limits: z.record(z.string(), limitSchema),
          runbook: runbookSchema,
          changed: z.array(
            z.object({
              /** Null: for all clusters. */
              clusterId: clusterIdSchema.nullable(),
              settings: ruleSettingsSchema,
              changedBy: z.string(),
            }),
          ),
        }),
      ),
    )
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.alertRule.findMany({ orderBy: { scope: 'asc' } });
      return rules.map(({ id, title, of, severity, forSeconds, limits, runbook }) => ({
        ...{ id, title, of, severity, forSeconds, limits, runbook },
        changed: rows
          .filter(
            ({ rule, scope }) =>
              rule === id && (scope === everywhere || mayOn(principalOf(ctx), scope, 'read')),
          )
          .map(({ scope, settings, changedBy }) => ({
            clusterId: scope === everywhere ? null : scope,
            settings: ruleSettingsSchema.catch({}).parse(settings),
            changedBy,
          })),
      }));
    }),

  set: procedure(
    'administer',
    'POST /alerts/rules/{rule}',
    'Changes a rule for all clusters or for one; null goes back to what is usual',
  )
    .input(
      z.object({
        rule: z.string().max(60),
        /** Null: for all clusters. */
        cluster: clusterIdSchema.nullable().default(null),
        settings: ruleSettingsSchema.nullable(),
      }),
    )
    .output(z.object({ changed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit, alertsChanged } = ctx.services;
      const { cluster: clusterId, settings } = input;
      const rule = ruleOf(input.rule);
      if (!rule) throw new QuantaError('NOT_FOUND', `no rule is called ${input.rule}`);
      if (clusterId !== null && rule.of === 'installation')
        throw new QuantaError('PROTOCOL_VIOLATION', `${rule.id} is about the installation and no cluster`);
      const problem = settings && settingsProblem(rule, settings);
      if (problem) throw new QuantaError('PROTOCOL_VIOLATION', problem);
      const scope = clusterId ?? everywhere;
      const where = { rule_scope: { rule: rule.id, scope } };
      const before = await prisma.alertRule.findUnique({ where });
      if (settings === null) await prisma.alertRule.deleteMany({ where: { rule: rule.id, scope } });
      else {
        const data = { settings, changedBy: principalOf(ctx).name, changedAt: new Date() };
        await prisma.alertRule.upsert({ where, create: { rule: rule.id, scope, ...data }, update: data });
      }
      const of = clusterId === null ? '' : ` of ${await clusterNameOf(ctx.services, clusterId)}`;
      const about = { ...ctx, clusterId };
      await audit.write(about, {
        ...{ action: 'change-alert-rule', target: `${rule.id}${of}` },
        ...{ before: before?.settings ?? {}, after: settings ?? {}, outcome: 'done' },
      });
      alertsChanged(clusterId);
      return { changed: true as const };
    }),
});
