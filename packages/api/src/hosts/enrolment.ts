import { randomUUID, X509Certificate } from 'node:crypto';
import type { EnrolmentAnswer, EnrolmentRequest } from '@quantadb/engine/contract/link';
import { fingerprintOf } from '@quantadb/engine/security/certificate';
import { certifyHostRequest } from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import { hashOf, newToken } from '../secrets.ts';
import type { AuthorityKeeper } from './authority.ts';

export interface NewEnrolmentToken {
  id: string;
  token: string;
  expiresAt: Date;
  authorityFingerprint: string;
}

/** How a host becomes one of ours: a token for one use, exchanged for a certificate of the installation's authority. */
export class Enrolment {
  private readonly prisma: PrismaClient;
  private readonly keeper: AuthorityKeeper;

  constructor(prisma: PrismaClient, keeper: AuthorityKeeper) {
    this.prisma = prisma;
    this.keeper = keeper;
  }

  async createToken(options: {
    hostName: string | null;
    lifetimeMs: number;
    createdBy: string;
  }): Promise<NewEnrolmentToken> {
    const token = newToken('enrol');
    const expiresAt = new Date(Date.now() + options.lifetimeMs);
    const { hostName, createdBy } = options;
    const id = randomUUID();
    await this.prisma.enrolmentToken.create({
      data: { id, hash: hashOf(token), hostName, createdBy, expiresAt },
    });
    return { id, token, expiresAt, authorityFingerprint: this.keeper.fingerprint };
  }

  /**
   * @throws QuantaError UNAUTHORIZED for a token that is wrong, used, expired or for another host; REFUSED for a name
   * that is taken, and to a host that was told of another authority
   */
  async enrol(request: EnrolmentRequest): Promise<EnrolmentAnswer> {
    const { authority, fingerprint } = this.keeper;
    if ((request.expectedAuthority ?? fingerprint) !== fingerprint)
      throw new QuantaError('REFUSED', 'the fingerprint is not that of this installation’s authority', {
        hint: 'Copy the whole command from the console, under Hosts, and check its address. The token is still good.',
      });
    const addresses = addressesOf(request.addresses);
    const requestPem = request.certificateRequest;
    const certificate = await certifyHostRequest(authority, { requestPem, host: request.name, addresses });
    await this.prisma.$transaction(async (transaction) => {
      const now = new Date();
      // One statement takes the token, so that of two hosts with the same one only one gets in.
      const taken = await transaction.enrolmentToken.updateMany({
        where: {
          hash: hashOf(request.token),
          usedAt: null,
          expiresAt: { gt: now },
          OR: [{ hostName: null }, { hostName: request.name }],
        },
        data: { usedAt: now, usedByHost: request.name },
      });
      if (taken.count !== 1) {
        throw new QuantaError('UNAUTHORIZED', 'the enrolment token is wrong, used or expired', {
          hint: 'Make a new one in the console under Hosts, or with `quantadb token create --enrol`.',
        });
      }
      const known = await transaction.host.findUnique({ where: { name: request.name } });
      if (known && !known.revokedAt) {
        throw new QuantaError('REFUSED', `a host named ${request.name} is enrolled already`, {
          hint: 'Choose another name, or remove the old host in the console first.',
        });
      }
      const row = {
        kind: request.kind,
        addresses: request.addresses,
        certFingerprint: fingerprintOf(certificate),
        certExpiresAt: new Date(new X509Certificate(certificate).validTo),
        enrolledAt: now,
        revokedAt: null,
        nextFingerprint: null,
        nextExpiresAt: null,
      };
      await transaction.host.upsert({
        where: { name: request.name },
        create: { name: request.name, ...row },
        update: row,
      });
    });
    return { certificate, authority: authority.certPem };
  }
}

/** What a host's certificate is good for beside its name. */
export function addressesOf({ api, raft, postgres }: EnrolmentRequest['addresses']): string[] {
  return [...new Set([api.host, raft.host, ...(postgres ? [postgres.host] : [])])];
}
