import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import type { Pool } from 'pg';
import { storable } from '../storable.ts';
import type { Silence, ToldAlert } from './routing.ts';
import { type Severity, severities } from './rule.ts';
import { type ChangedRules, type RuleSettings, ruleSettingsSchema } from './rules.ts';
import type { Change } from './transitions.ts';

type Transaction = Prisma.TransactionClient | PrismaClient;
type AlertRow = Prisma.AlertGetPayload<object>;

const historyMsMax = 90 * 24 * 3_600_000;
const historyRowsMax = 20_000;
const testsKeptMs = 7 * 24 * 3_600_000;
const writtenAtOnceMax = 100;
const goOnSql = `
  UPDATE alert a SET state = t.state, severity = t.severity, sentence = t.sentence,
    since_at = t."sinceAt", firing_at = t."firingAt", seen_at = t."seenAt"
  FROM json_to_recordset($1::json)
    AS t (id uuid, state text, severity text, sentence text, "sinceAt" timestamptz, "firingAt" timestamptz, "seenAt" timestamptz)
  WHERE a.id = t.id`;
/** Straight to PostgreSQL: every one of thousands is read at every look. */
const livingSql = `
  SELECT id, rule, cluster_id AS "clusterId", subject, sentence, state, severity, since_at AS "sinceAt", firing_at AS "firingAt",
         seen_at AS "seenAt", acknowledged_at AS "acknowledgedAt", notified_at AS "notifiedAt", notified_as AS "notifiedAs",
         escalated_at AS "escalatedAt"
  FROM alert WHERE state <> 'resolved' ORDER BY since_at LIMIT $1`;
/** Alerts that live at once; what is beyond them waits until some are over. */
export const livingMax = 5000;
/** Of those, as many as one answer holds. */
export const alertsShownMax = 1000;

const ms = (at: Date | null) => at?.getTime() ?? null;

/** Alerts and what people have decided about them, in the metadata. */
export class AlertStore {
  private readonly prisma: PrismaClient;

  constructor(prisma: PrismaClient) {
    this.prisma = prisma;
  }

  async living(questions: Pool): Promise<ToldAlert[]> {
    const { rows } = await questions.query<AlertRow>({
      name: 'living alerts',
      text: livingSql,
      values: [livingMax],
    });
    return rows.map(toldOf);
  }

  /** Living alerts, the worst first and at most `alertsShownMax`: what fires before what is about to, then the newest of each severity. */
  async worst(where: Prisma.AlertWhereInput): Promise<AlertRow[]> {
    const living = { ...where, state: { not: 'resolved' } };
    const order = await this.prisma.alert.findMany({
      where: living,
      select: { id: true, state: true, severity: true },
      // By their letters, too, what fires and what is critical come first.
      orderBy: [{ state: 'asc' }, { severity: 'asc' }, { sinceAt: 'desc' }],
      take: livingMax,
    });
    const chosen = order.toSorted((left, right) => badness(right) - badness(left)).slice(0, alertsShownMax);
    const ids = chosen.map(({ id }) => id);
    const rows = await this.prisma.alert.findMany({ where: { AND: [living, { id: { in: ids } }] } });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.flatMap((id) => byId.get(id) ?? []);
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
    const of = (...kinds: Change['kind'][]) =>
      changes.flatMap(({ kind, alert }) => (kinds.includes(kind) ? alert : []));
    await inParts(of('dropped'), (part) => transaction.alert.deleteMany({ where: whose(part) }));
    const end = { state: 'resolved', resolvedAt: new Date(nowMs) };
    await inParts(of('resolved'), (part) => transaction.alert.updateMany({ where: whose(part), data: end }));
    await inParts(of('began', 'fired', 'seen'), (part) =>
      transaction.$executeRawUnsafe(goOnSql, JSON.stringify(part.map(rowOf))),
    );
    // One that fires at once is as new as one that begins. Another console may have written the same alert a moment before it lost
    // the lock.
    await inParts(of('began', 'fired'), (part) =>
      transaction.alert.createMany({
        data: part.map((alert) => {
          const cluster = alert.clusterId === null ? null : (clusterNames.get(alert.clusterId) ?? null);
          return { ...rowOf(alert), cluster };
        }),
        skipDuplicates: true,
      }),
    );
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
}

function badness({ state, severity }: Pick<AlertRow, 'state' | 'severity'>): number {
  return (state === 'firing' ? severities.length : 0) + severities.indexOf(severity as Severity);
}

/** Of a large outage there are thousands. */
async function inParts<T>(alerts: readonly T[], write: (part: T[]) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < alerts.length; first += writtenAtOnceMax)
    await write(alerts.slice(first, first + writtenAtOnceMax));
}

function whose(alerts: readonly { id: string }[]) {
  return { id: { in: alerts.map(({ id }) => id) } };
}

function rowOf({
  id,
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
    ...{ id, rule, clusterId, state, severity },
    ...storable({ subject, sentence: sentence.slice(0, 2000) }),
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
