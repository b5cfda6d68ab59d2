import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import type { Silence, ToldAlert } from './routing.ts';
import type { Severity } from './rule.ts';
import { type ChangedRules, type RuleSettings, ruleSettingsSchema } from './rules.ts';
import type { Change } from './transitions.ts';

type Transaction = Prisma.TransactionClient | PrismaClient;
type AlertRow = Prisma.AlertGetPayload<object>;

const historyMsMax = 90 * 24 * 3_600_000;
const historyRowsMax = 20_000;
const testsKeptMs = 7 * 24 * 3_600_000;
const seenAtOnceMax = 100;
/** Of a large outage there are thousands that go on, every few seconds. */
const seenSql = `
  UPDATE alert a SET severity = t.severity, sentence = t.sentence, since_at = t."sinceAt", seen_at = t."seenAt"
  FROM json_to_recordset($1::json)
    AS t (id uuid, severity text, sentence text, "sinceAt" timestamptz, "seenAt" timestamptz)
  WHERE a.id = t.id`;
/** Alerts that live at once; what is beyond them waits until some are over. */
export const livingMax = 5000;

const ms = (at: Date | null) => at?.getTime() ?? null;

/** Alerts and what people have decided about them, in the metadata. */
export class AlertStore {
  private readonly prisma: PrismaClient;

  constructor(prisma: PrismaClient) {
    this.prisma = prisma;
  }

  async living(): Promise<ToldAlert[]> {
    const rows = await this.prisma.alert.findMany({
      where: { state: { not: 'resolved' } },
      orderBy: { sinceAt: 'asc' },
      take: livingMax,
    });
    return rows.map(toldOf);
  }

  async changedRules(): Promise<ChangedRules> {
    const changed = new Map<string, Map<string, RuleSettings>>();
    for (const { rule, scope, settings } of await this.prisma.alertRule.findMany()) {
      const parsed = ruleSettingsSchema.safeParse(settings);
      if (!parsed.success) continue;
      const scopes = changed.get(rule) ?? new Map<string, RuleSettings>();
      changed.set(rule, scopes.set(scope, parsed.data));
    }
    return changed;
  }

  async silences(nowMs: number): Promise<(Silence & { id: string })[]> {
    const rows = await this.prisma.alertSilence.findMany({ where: { endsAt: { gt: new Date(nowMs) } } });
    return rows.map(({ endsAt, ...row }) => ({ ...row, endsMs: endsAt.getTime() }));
  }

  routes() {
    return this.prisma.alertRoute.findMany({ orderBy: [{ isDefault: 'asc' }, { position: 'asc' }] });
  }

  /** @param clusterNames for what is shown later, when the cluster may be gone */
  async apply(
    transaction: Transaction,
    changes: readonly Change[],
    { clusterNames, nowMs }: { clusterNames: ReadonlyMap<string, string>; nowMs: number },
  ): Promise<void> {
    await this.goOn(
      transaction,
      changes.flatMap(({ kind, alert }) => (kind === 'seen' ? alert : [])),
    );
    for (const { kind, alert } of changes) {
      if (kind === 'seen') continue;
      const where = { id: alert.id };
      if (kind === 'dropped') await transaction.alert.deleteMany({ where });
      else if (kind === 'resolved')
        await transaction.alert.updateMany({
          where,
          data: { state: 'resolved', resolvedAt: new Date(nowMs) },
        });
      else {
        const data = rowOf(alert);
        const cluster = alert.clusterId === null ? null : (clusterNames.get(alert.clusterId) ?? null);
        // Another console may have written the same alert a moment before it lost the lock.
        await this.begin(transaction, { ...where, ...data, cluster });
      }
    }
  }

  /** Forgets what ended long ago. */
  async tidy(nowMs: number): Promise<void> {
    const before = new Date(nowMs - historyMsMax);
    await this.prisma.alert.deleteMany({ where: { state: 'resolved', resolvedAt: { lt: before } } });
    await this.prisma.alertSilence.deleteMany({ where: { endsAt: { lt: before } } });
    const oldTests = { alertId: null, createdAt: { lt: new Date(nowMs - testsKeptMs) } };
    await this.prisma.alertDelivery.deleteMany({ where: oldTests });
    await this.prisma.$executeRaw`
      DELETE FROM alert WHERE id IN (
        SELECT id FROM alert WHERE state = 'resolved' ORDER BY resolved_at DESC OFFSET ${historyRowsMax})`;
  }

  private async goOn(transaction: Transaction, alerts: readonly Change['alert'][]): Promise<void> {
    for (let first = 0; first < alerts.length; first += seenAtOnceMax) {
      const part = alerts.slice(first, first + seenAtOnceMax);
      const rows = part.map((alert) => ({ id: alert.id, ...rowOf(alert) }));
      await transaction.$executeRawUnsafe(seenSql, JSON.stringify(rows));
    }
  }

  private async begin(
    transaction: Transaction,
    row: ReturnType<typeof rowOf> & { id: string; cluster: string | null },
  ) {
    const { count } = await transaction.alert.updateMany({ where: { id: row.id }, data: row });
    if (count === 0) await transaction.alert.createMany({ data: [row], skipDuplicates: true });
  }
}

function rowOf({
  sinceMs,
  firingMs,
  seenMs,
  rule,
  clusterId,
  subject,
  state,
  severity,
  sentence,
}: Change['alert']) {
  return {
    ...{ rule, clusterId, subject, state, severity, sentence: sentence.slice(0, 2000) },
    ...{ sinceAt: new Date(sinceMs), seenAt: new Date(seenMs) },
    firingAt: firingMs === null ? null : new Date(firingMs),
  };
}

function toldOf(row: AlertRow): ToldAlert {
  const { id, rule, clusterId, subject, sentence } = row;
  return {
    ...{ id, rule, clusterId, subject, sentence },
    state: row.state === 'firing' ? 'firing' : 'pending',
    severity: row.severity as Severity,
    ...{ sinceMs: row.sinceAt.getTime(), firingMs: ms(row.firingAt), seenMs: row.seenAt.getTime() },
    ...{ acknowledgedMs: ms(row.acknowledgedAt), notifiedMs: ms(row.notifiedAt) },
    ...{ notifiedAs: row.notifiedAs as Severity | null, escalatedMs: ms(row.escalatedAt) },
  };
}
