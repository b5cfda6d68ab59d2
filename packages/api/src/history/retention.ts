import type { Prisma, PrismaClient } from '@quantadb/prisma/client';

/** Of its own: nobody writes the audit log, and nobody judges alerts, while those locks are held. */
const retentionLock = 4_716_005n;

/** Work that one console instance does at a time. @returns null: another one is at it */
export function inOneInstance<T>(
  prisma: PrismaClient,
  work: (transaction: Prisma.TransactionClient) => Promise<T>,
): Promise<T | null> {
  return prisma.$transaction(
    async (transaction) => {
      const [lock] = await transaction.$queryRaw<
        { got: boolean }[]
      >`SELECT pg_try_advisory_xact_lock(${retentionLock}) AS got`;
      return lock?.got ? work(transaction) : null;
    },
    { timeout: 60_000 },
  );
}
