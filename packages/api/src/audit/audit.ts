import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import { networkOf } from '../http/client-address.ts';
import { storable } from '../storable.ts';
import {
  type ChainPlace,
  type ChainState,
  chainStart,
  emptyChain,
  followChain,
  keyedSealOf,
  sealOf,
} from './chain.ts';
import { Refusals } from './refusals.ts';

/** A person or a token, by name. */
export interface Actor {
  kind: 'user' | 'token';
  name: string;
}

/** Who asked, from where, and what the request was about. */
export interface AuditSource {
  principal: Actor | null;
  ip: string | null;
  clusterId?: string | null;
}

export interface AuditRecord {
  action: string;
  target: string;
  reason?: string;
  before?: Prisma.InputJsonValue;
  after?: Prisma.InputJsonValue;
  outcome: 'done' | 'started' | 'refused' | 'failed';
  detail?: string;
}

export interface AuditVerdict {
  /** What the chain is like up to its end, or to where it is broken. */
  state: ChainState;
  broken: ChainPlace | null;
}

/** Any number; it only has to be the same in every console instance. */
const chainLock = 4_716_002n;
const verifiedAtOnce = 1000;

/** Who did, or tried, what. Written before the answer leaves, so that nothing happens unrecorded. */
export class Audit {
  private readonly prisma: PrismaClient;
  private readonly key: Buffer;
  private readonly refusals = new Refusals();
  /** Anybody can make these: they are told of, and take their time. */
  private readonly strangersRefusals = new Refusals({ burst: 30, perSecond: 1 / 60 });

  /** @param key that is not in the database as it is, the same in every console instance and for good */
  constructor(prisma: PrismaClient, key: Buffer) {
    this.prisma = prisma;
    this.key = key;
  }

  /** What was tried and changed nothing: whoever tries all the time does not fill the log, nor hold up who writes in it. */
  async writeRefusal(source: AuditSource, record: Omit<AuditRecord, 'outcome'>): Promise<void> {
    const { principal, ip } = source;
    const unwritten = principal
      ? this.refusals.admit(`${principal.kind} ${principal.name}`, Date.now())
      : this.strangersRefusals.admit(networkOf(ip ?? 'unknown'), Date.now());
    if (unwritten === null) return;
    const more = unwritten > 0 ? ` (${unwritten} refusals before it are not written down)` : '';
    await this.write(source, { ...record, outcome: 'refused', detail: `${record.detail ?? ''}${more}` });
  }

  async write(source: AuditSource, record: AuditRecord): Promise<void> {
    const { principal, ip, clusterId = null } = source;
    // What is sealed is what is stored: a name that somebody typed may be no text that PostgreSQL can keep.
    const { before, after } = storable({ before: record.before, after: record.after });
    const entry = storable({
      actorKind: principal?.kind ?? 'nobody',
      actor: principal?.name ?? '',
      action: record.action,
      target: record.target,
      reason: record.reason ?? '',
      outcome: record.outcome,
      detail: record.detail ?? '',
      ip,
      clusterId,
    });
    await this.prisma.$transaction(async (transaction) => {
      // One after the other, on every console: each entry is sealed with the one before it.
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${chainLock})`;
      const last = await transaction.auditEntry.findFirst({
        orderBy: { id: 'desc' },
        select: { hash: true },
      });
      const at = new Date();
      const hash = sealOf(last?.hash ?? chainStart, { ...entry, at, before, after });
      const values = {
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      };
      const seal = keyedSealOf(hash, this.key);
      await transaction.auditEntry.create({ data: { ...entry, ...values, at, hash, seal } });
    });
  }

  /** Recomputes the whole chain. Whoever keeps the last hash elsewhere also notices when the newest entries are gone. */
  async verify(kept?: string): Promise<AuditVerdict> {
    let state = emptyChain;
    let lastId = -1n;
    for (;;) {
      const entries = await this.prisma.auditEntry.findMany({
        where: { id: { gt: lastId } },
        orderBy: { id: 'asc' },
        take: verifiedAtOnce,
      });
      const followed = followChain(state, entries, { key: this.key, kept });
      state = followed.state;
      const { broken } = followed;
      const last = entries.at(-1);
      if (broken || !last) return { state, broken };
      lastId = last.id;
    }
  }
}
