import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import type { Principal } from '../people/principal.ts';

export interface AuditRecord {
  action: string;
  target: string;
  reason?: string;
  before?: Prisma.InputJsonValue;
  after?: Prisma.InputJsonValue;
  outcome: 'done' | 'started' | 'refused' | 'failed';
  detail?: string;
}

/** Who did, or tried, what. Written before the answer leaves, so that nothing happens unrecorded. */
export class Audit {
  private readonly prisma: PrismaClient;

  constructor(prisma: PrismaClient) {
    this.prisma = prisma;
  }

  async write(actor: { principal: Principal | null; ip: string | null }, record: AuditRecord): Promise<void> {
    const { principal, ip } = actor;
    await this.prisma.auditEntry.create({
      data: {
        actorKind: principal?.kind ?? 'nobody',
        actor: principal?.name ?? '',
        action: record.action,
        target: record.target,
        reason: record.reason ?? '',
        ...(record.before === undefined ? {} : { before: record.before }),
        ...(record.after === undefined ? {} : { after: record.after }),
        outcome: record.outcome,
        detail: record.detail ?? '',
        ip,
      },
    });
  }
}
