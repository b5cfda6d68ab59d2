import { fingerprintOf } from '@quantadb/engine/security/certificate';
import { type Authority, createAuthority } from '@quantadb/engine/security/pki';
import type { PrismaClient } from '@quantadb/prisma/client';
import { decrypt, deriveFrom, deriveKey, encrypt } from '../secrets.ts';

/** Any number; it only has to be the same in every console instance. */
export const authorityLock = 4_716_001n;
/** What its key is encrypted for. */
export const authorityPurpose = 'authority key';

/** The installation's certificate authority: made at the first start, kept encrypted in the metadata. */
export class AuthorityKeeper {
  readonly authority: Authority;
  readonly fingerprint: string;
  /**
   * What audit entries are sealed with. Of the authority's own key, because that is for the installation's whole life, lies encrypted in
   * the metadata, and is there again after a restore or under another secret.
   */
  readonly auditKey: Buffer;

  private constructor(authority: Authority) {
    this.authority = authority;
    this.fingerprint = fingerprintOf(authority.certPem);
    this.auditKey = deriveFrom(Buffer.from(authority.keyPem), 'audit seals');
  }

  static async open(prisma: PrismaClient, secret: string): Promise<AuthorityKeeper> {
    const key = deriveKey(secret, authorityPurpose);
    return prisma.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${authorityLock})`;
      const known = await transaction.installation.findUnique({ where: { id: 1 } });
      if (known)
        return new AuthorityKeeper({
          certPem: known.authorityCert,
          keyPem: decrypt(known.authorityKey, key),
        });
      const authority = await createAuthority({ name: 'QuantaDB' });
      const data = { id: 1, authorityCert: authority.certPem, authorityKey: encrypt(authority.keyPem, key) };
      await transaction.installation.create({ data });
      return new AuthorityKeeper(authority);
    });
  }
}
