import { addressesSchema } from '@quantadb/engine/contract/cluster-state';
import { fingerprintOf, readCertificate } from '@quantadb/engine/security/certificate';
import { certifyHostRequest } from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { AuthorityKeeper } from './authority.ts';
import { addressesOf } from './enrolment.ts';

/**
 * Another certificate for a host that has proven itself. The old one goes on to count until the host has shown the new one: it may
 * die before the new one is on its disk.
 *
 * @throws QuantaError PROTOCOL_VIOLATION, UNAUTHORIZED
 */
export async function renewCertificate(
  { prisma, keeper }: { prisma: PrismaClient; keeper: AuthorityKeeper },
  { name, requestPem }: { name: string; requestPem: string },
): Promise<string> {
  const host = await prisma.host.findUnique({ where: { name } });
  if (!host || host.revokedAt) throw new QuantaError('UNAUTHORIZED', `${name} is not enrolled`);
  const addresses = addressesOf(addressesSchema.parse(host.addresses));
  const certificate = await certifyHostRequest(keeper.authority, { requestPem, host: name, addresses });
  await prisma.host.update({
    where: { name },
    data: {
      nextFingerprint: fingerprintOf(certificate),
      nextExpiresAt: new Date(readCertificate(certificate).untilMs),
    },
  });
  return certificate;
}

/**
 * Whether this certificate may speak for the host now; a renewed one that is shown for the first time takes the old one's place.
 */
export async function admitCertificate(
  prisma: PrismaClient,
  name: string,
  fingerprint: string,
): Promise<boolean> {
  const host = await prisma.host.findUnique({ where: { name } });
  if (!host || host.revokedAt) return false;
  if (host.certFingerprint === fingerprint) return true;
  if (host.nextFingerprint !== fingerprint || !host.nextExpiresAt) return false;
  const data = {
    certFingerprint: fingerprint,
    certExpiresAt: host.nextExpiresAt,
    nextFingerprint: null,
    nextExpiresAt: null,
  };
  await prisma.host.updateMany({ where: { name, nextFingerprint: fingerprint }, data });
  return true;
}
