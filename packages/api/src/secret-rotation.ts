import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import { symmetricDecrypt, symmetricEncrypt } from 'better-auth/crypto';
import { channelsPurpose } from './alerts/channel-store.ts';
import type { Audit } from './audit/audit.ts';
import { authorityLock, authorityPurpose } from './hosts/authority.ts';
import { sessionsKey } from './people/auth.ts';
import { decrypt, deriveKey, encrypt } from './secrets.ts';

interface Rotated {
  authorityKeys: number;
  channels: number;
  secondFactors: number;
}

interface Secrets {
  secret: string;
  previous: string;
}

type Transaction = Pick<PrismaClient, 'installation' | 'alertChannel' | 'twoFactor' | '$executeRaw'>;

const deadlineMs = 60_000;

/**
 * Encrypts anew whatever is encrypted with the secret before, all of it or nothing; what is encrypted with the present one stays.
 * Answers that are kept for repeated requests are not: they are read with either, for the day that they are kept.
 *
 * @throws QuantaError CONFIG_INVALID when something can be read with neither
 */
async function rotateSecret(prisma: PrismaClient, secrets: Secrets): Promise<Rotated> {
  return prisma.$transaction(
    async (transaction) => {
      // Consoles that start at the same time go one after the other.
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${authorityLock})`;
      return {
        authorityKeys: await rotateAuthority(transaction, secrets),
        channels: await rotateChannels(transaction, secrets),
        secondFactors: await rotateSecondFactors(transaction, secrets),
      };
    },
    { timeout: deadlineMs },
  );
}

/** Does it, and says how many were encrypted anew. @returns null: none had to be */
export async function rotateAtStart(
  prisma: PrismaClient,
  secrets: Secrets,
  logger: Logger,
): Promise<Rotated | null> {
  const rotated = await rotateSecret(prisma, secrets);
  logger.info(
    { rotated },
    'what was encrypted with QUANTADB_SECRET_PREVIOUS is encrypted with QUANTADB_SECRET',
  );
  return Object.values(rotated).every((count) => count === 0) ? null : rotated;
}

export async function writeRotation(audit: Audit, rotated: Rotated): Promise<void> {
  const record = { action: 'rotate-secret', target: 'QUANTADB_SECRET', after: { ...rotated } };
  await audit.write({ principal: null, ip: null }, { ...record, outcome: 'done' });
}

async function rotateAuthority(transaction: Transaction, secrets: Secrets): Promise<number> {
  const row = await transaction.installation.findUnique({ where: { id: 1 } });
  const authorityKey = row && rotated(row.authorityKey, authorityPurpose, secrets);
  if (!authorityKey) return 0;
  await transaction.installation.update({ where: { id: 1 }, data: { authorityKey } });
  return 1;
}

async function rotateChannels(transaction: Transaction, secrets: Secrets): Promise<number> {
  let count = 0;
  for (const { id, sealed } of await transaction.alertChannel.findMany({
    select: { id: true, sealed: true },
  })) {
    const anew = rotated(sealed, channelsPurpose, secrets);
    if (!anew) continue;
    await transaction.alertChannel.update({ where: { id }, data: { sealed: anew } });
    count += 1;
  }
  return count;
}

async function rotateSecondFactors(transaction: Transaction, secrets: Secrets): Promise<number> {
  const [present, previous] = [sessionsKey(secrets.secret), sessionsKey(secrets.previous)];
  let count = 0;
  for (const row of await transaction.twoFactor.findMany()) {
    if (await opens(row.secret, present)) continue;
    const anew = async (data: string) =>
      symmetricEncrypt({ key: present, data: await symmetricDecrypt({ key: previous, data }) });
    const data = { secret: await anew(row.secret), backupCodes: await anew(row.backupCodes) };
    await transaction.twoFactor.update({ where: { id: row.id }, data });
    count += 1;
  }
  return count;
}

async function opens(data: string, key: string): Promise<boolean> {
  return symmetricDecrypt({ key, data }).then(
    () => true,
    () => false,
  );
}

/** @returns null when the present secret opens it already */
function rotated(sealed: Uint8Array, purpose: string, { secret, previous }: Secrets) {
  const key = deriveKey(secret, purpose);
  try {
    decrypt(sealed, key);
    return null;
  } catch {
    // Of the secret before, then; or of neither, which this says.
    return encrypt(decrypt(sealed, deriveKey(previous, purpose)), key);
  }
}
