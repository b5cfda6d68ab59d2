import type { PrismaClient } from '@quantadb/prisma/client';
import { hashOf } from '../secrets.ts';
import type { Auth } from './auth.ts';
import { clustersOf, type Roles } from './roles.ts';

/** Who asks, as proven by a session cookie or an API token. */
export interface Principal extends Roles {
  kind: 'user' | 'token';
  id: string;
  /** As it stands in the audit log: an e-mail address, or the token's name. */
  name: string;
}

const useRecordedEveryMs = 60_000;

/** Finds out who asks. Null for nobody, a wrong, an expired and a revoked token alike. */
export class PrincipalFinder {
  private readonly prisma: PrismaClient;
  private readonly auth: Auth;

  constructor(prisma: PrismaClient, auth: Auth) {
    this.prisma = prisma;
    this.auth = auth;
  }

  async find(headers: Headers): Promise<Principal | null> {
    const bearer = /^Bearer (qdb_api_[A-Za-z0-9_-]{43})$/.exec(headers.get('authorization') ?? '')?.[1];
    // A request that carries a token is judged by the token alone, whatever cookies come along.
    if (headers.has('authorization')) return bearer ? this.byToken(bearer) : null;
    return this.bySession(headers);
  }

  private async byToken(token: string): Promise<Principal | null> {
    const found = await this.prisma.apiToken.findUnique({
      where: { hash: hashOf(token) },
      include: { clusterRoles: true },
    });
    const now = new Date();
    if (!found || found.revokedAt || (found.expiresAt && found.expiresAt <= now)) return null;
    const isStale = !found.lastUsedAt || now.getTime() - found.lastUsedAt.getTime() > useRecordedEveryMs;
    if (isStale) await this.prisma.apiToken.update({ where: { id: found.id }, data: { lastUsedAt: now } });
    const { id, name, role, clusterRoles } = found;
    return { kind: 'token', id, name, role, clusters: clustersOf(clusterRoles) };
  }

  private async bySession(headers: Headers): Promise<Principal | null> {
    const session = await this.auth.api.getSession({ headers });
    if (!session) return null;
    const user = await this.prisma.user.findUnique({
      where: { id: session.user.id },
      include: { clusterRoles: true },
    });
    if (!user) return null;
    const { id, email, role, clusterRoles } = user;
    return { kind: 'user', id, name: email, role, clusters: clustersOf(clusterRoles) };
  }
}
