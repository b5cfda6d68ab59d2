import { randomUUID } from 'node:crypto';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import type { Pool } from 'pg';
import { storable } from '../storable.ts';
import { AlertStore } from './alert-store.ts';
import type { Gatherer } from './gather.ts';
import type { InstanceLock } from './instance-lock.ts';
import { judgeInTurns } from './judge.ts';
import type { Known } from './known.ts';
import type { Message } from './message.ts';
import { type NoticeKind, nextNotice, type ToldAlert } from './routing.ts';
import { ruleOf } from './rules.ts';
import { type Change, nextAlerts } from './transitions.ts';

export interface EvaluatorOptions {
  prisma: PrismaClient;
  questions: Pool;
  lock: InstanceLock;
  gatherer: Gatherer;
  logger: Logger;
  publicUrl: string;
  nowMs(): number;
  /** Something that browsers show is different now. */
  onChange(clusterIds: string[]): void;
}

const tidyEveryMs = 3_600_000;
const writeDeadlineMs = 15_000;
/** Messages of one channel that may wait at once: a channel that is dead must not grow without end. */
const waitingMax = 1000;

/** Judges all alerts every few seconds, in one console at a time: what fires, what is over, and who is to be told. */
export class Evaluator {
  private readonly options: EvaluatorOptions;
  private readonly store: AlertStore;
  private running: Promise<void> | null = null;
  private tidiedMs = 0;
  private beganMs: number | null = null;
  private judgedMs = Date.now();

  constructor(options: EvaluatorOptions) {
    this.options = options;
    this.store = new AlertStore(options.prisma);
  }

  /** One look; a second call meanwhile waits for the first. */
  tick(): Promise<void> {
    this.beganMs ??= Date.now();
    this.running ??= this.look().finally(() => {
      this.running = null;
      this.beganMs = null;
    });
    return this.running;
  }

  /** How long the look under way has taken; 0 without one. */
  lookingForMs(nowMs: number): number {
    return this.beganMs === null ? 0 : nowMs - this.beganMs;
  }

  /** Since the end of the last look, or the start. */
  sinceJudgedMs(nowMs: number): number {
    return nowMs - this.judgedMs;
  }

  /** Ends with the look under way. */
  async settled(): Promise<void> {
    await this.running;
  }

  private async look(): Promise<void> {
    const { lock, gatherer, logger, questions, nowMs, onChange } = this.options;
    const wasHeld = lock.held;
    if (!(await lock.holds())) return;
    if (!wasHeld) this.judgedMs = Date.now();
    try {
      const known = await gatherer.gather(nowMs());
      const [living, changed] = await Promise.all([this.store.living(questions), this.store.changedRules()]);
      const standing = living.filter(({ state }) => state === 'firing');
      const judgement = await judgeInTurns(known, changed, standing);
      const changes = nextAlerts(living, judgement, { nowMs: known.nowMs, newId: randomUUID });
      await this.write(known, changes);
      const told = await this.tell(known);
      const seen = changes.filter(({ kind }) => kind !== 'seen').map(({ alert }) => alert.clusterId ?? '');
      if (seen.length + told.length > 0) onChange([...new Set([...seen, ...told])]);
      await this.tidy(known.nowMs);
      await this.options.prisma.installation.updateMany({ data: { alertsJudgedAt: new Date() } });
      this.judgedMs = Date.now();
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the alerts could not be judged');
    }
  }

  /** What is over is told to those who were told of it, in the same transaction: neither is without the other. */
  private async write(known: Known, changes: Change[]): Promise<void> {
    if (changes.length === 0) return;
    const { prisma } = this.options;
    const clusterNames = new Map(known.clusters.map(({ clusterId, name }) => [clusterId, name]));
    await prisma.$transaction(
      async (transaction) => {
        await this.store.apply(transaction, changes, { clusterNames, nowMs: known.nowMs });
        const over = changes.flatMap(({ kind, alert }) => (kind === 'resolved' ? alert : []));
        const where = { alertId: { in: over.map(({ id }) => id) }, kind: { not: 'resolved' } };
        const select = { alertId: true, channelId: true } as const;
        const told = over.length > 0 ? await transaction.alertDelivery.findMany({ where, select }) : [];
        for (const alert of over) {
          const mine = told.filter(({ alertId }) => alertId === alert.id);
          const channelIds = [...new Set(mine.map(({ channelId }) => channelId))];
          if (channelIds.length > 0)
            await this.enqueue(transaction, { alert, kind: 'resolved', channelIds, known });
        }
      },
      { timeout: writeDeadlineMs },
    );
  }

  /** @returns the clusters of the alerts that were told of */
  private async tell(known: Known): Promise<string[]> {
    const { prisma, questions } = this.options;
    const { nowMs } = known;
    const [routes, silenced, living] = await Promise.all([
      this.store.routes(),
      this.store.silences(nowMs),
      this.store.living(questions),
    ]);
    const told: string[] = [];
    const at = new Date(nowMs);
    const untold: ToldAlert[] = [];
    for (const alert of living) {
      const notice = nextNotice(alert, { routes, silenced, nowMs });
      if (!notice) continue;
      told.push(alert.clusterId ?? '');
      if (notice.channelIds.length === 0) {
        untold.push(alert);
        continue;
      }
      const data =
        notice.kind === 'escalated' ? { escalatedAt: at } : { notifiedAt: at, notifiedAs: alert.severity };
      await prisma.$transaction(
        async (transaction) => {
          await this.enqueue(transaction, { alert, ...notice, known });
          await transaction.alert.updateMany({ where: { id: alert.id }, data });
        },
        { timeout: writeDeadlineMs },
      );
    }
    // Nobody is to hear of them: they are noted all together, of an outage there are thousands.
    for (const notifiedAs of new Set(untold.map(({ severity }) => severity))) {
      const ids = untold.flatMap(({ id, severity }) => (severity === notifiedAs ? id : []));
      await prisma.alert.updateMany({ where: { id: { in: ids } }, data: { notifiedAt: at, notifiedAs } });
    }
    return told;
  }

  private async enqueue(
    transaction: Prisma.TransactionClient,
    what: { alert: Change['alert'] | ToldAlert; kind: NoticeKind; channelIds: string[]; known: Known },
  ): Promise<void> {
    const { alert, kind, channelIds, known } = what;
    const channels = await transaction.alertChannel.findMany({
      where: { id: { in: channelIds }, isOn: true },
    });
    const at = new Date(known.nowMs);
    const message = storable(messageFor(what, this.options.publicUrl)) as unknown as Prisma.InputJsonValue;
    for (const { id: channelId } of channels) {
      const waiting = await transaction.alertDelivery.count({ where: { channelId, state: 'waiting' } });
      const isFull = waiting >= waitingMax;
      const end = isFull
        ? { state: 'failed', endedAt: at, error: `${waiting} messages wait already` }
        : { state: 'waiting' };
      const row = {
        id: randomUUID(),
        alertId: alert.id,
        channelId,
        kind,
        severity: alert.severity,
        message,
        nextAt: at,
        createdAt: at,
        ...end,
      };
      // One message of a kind and severity to a channel, whichever console writes it.
      await transaction.alertDelivery.createMany({ data: [row], skipDuplicates: true });
    }
  }

  private async tidy(nowMs: number): Promise<void> {
    if (nowMs - this.tidiedMs < tidyEveryMs) return;
    this.tidiedMs = nowMs;
    await this.store.tidy(nowMs);
  }
}

function messageFor(
  { alert, kind, known }: { alert: Change['alert']; kind: NoticeKind; known: Known },
  publicUrl: string,
): Message {
  const { id, severity, clusterId, subject, sentence, sinceMs } = alert;
  const rule = ruleOf(alert.rule);
  const cluster = known.clusters.find((each) => each.clusterId === clusterId)?.name ?? null;
  const resolved = kind === 'resolved' ? new Date(known.nowMs).toISOString() : null;
  return {
    ...{ version: 1, event: kind, url: `${publicUrl}/alerts` },
    alert: {
      ...{
        id,
        rule: alert.rule,
        title: rule?.title ?? alert.rule,
        severity,
        cluster,
        clusterId,
        subject,
        sentence,
      },
      ...{ since: new Date(sinceMs).toISOString(), resolved },
    },
    runbook: rule?.runbook ?? { means: '', look: [], command: '' },
  };
}
