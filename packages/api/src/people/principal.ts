import type { PrismaClient, Role } from '@quantadb/prisma/client';
import type { Pool } from 'pg';
import { hashOf } from '../secrets.ts';
import type { Auth } from './auth.ts';
import { clustersOf, type Roles } from './roles.ts';
import { owesSecondFactor, readPolicy } from './sign-in-policy.ts';

/** Who asks, as proven by a session cookie or an API token. */
export interface Principal extends Roles {
  kind: 'user' | 'token';
  id: string;
  /** As it stands in the audit log: an e-mail address, or the token's name. */
  name: string;
  /** Null for a token. */
  sessionId: string | null;
  /** Of a token that ends. */
  expiresAt: Date | null;
  /** Until a second factor is set up there is no role, on no cluster. */
  owesSecondFactor: boolean;
}

const useRecordedEveryMs = 60_000;
const hourMs = 3_600_000;
/** However much a session is used. */
const lifeMsMax = 7 * 24 * hourMs;
/** The provider decides anew who is let in. */
const providersLifeMsMax = 12 * hourMs;

interface TokenRow {
  id: string;
  name: string;
  role: Role;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  clusters: Record<string, Role>;
}

/** Asked for every request of a program, so that a token that is revoked is refused at once. */
const tokenQuestion = {
  name: 'token',
  text: `
    SELECT t.id, t.name, t.role, t.expires_at AS "expiresAt", t.last_used_at AS "lastUsedAt",
      coalesce((SELECT json_object_agg(r.cluster_id, r.role) FROM token_cluster_role r WHERE r.token_id = t.id), '{}') AS clusters
    FROM api_token t WHERE t.hash = $1 AND t.revoked_at IS NULL`,
};

/** Finds out who asks. Null for nobody, a wrong, an expired and a revoked token alike. */
export class PrincipalFinder {
  private readonly prisma: PrismaClient;
  private readonly auth: Auth;
  private readonly questions: Pool;

  /** @param questions straight to PostgreSQL, which costs a tenth of the way through Prisma */
  constructor(prisma: PrismaClient, auth: Auth, questions: Pool) {
    this.prisma = prisma;
    this.auth = auth;
    this.questions = questions;
  }

  /**
   * @param prolong takes the cookies that a session in use is prolonged with; without it the question is no use, and the
   *   session ends as if it had not been asked
   */
  async find(headers: Headers, prolong?: (cookies: string[]) => void): Promise<Principal | null> {
    const bearer = /^Bearer (qdb_api_[A-Za-z0-9_-]{43})$/.exec(headers.get('authorization') ?? '')?.[1];
    // A request that carries a token is judged by the token alone, whatever cookies come along.
    if (headers.has('authorization')) return bearer ? this.byToken(bearer) : null;
    return this.bySession(headers, prolong ?? null);
  }

  private async byToken(token: string): Promise<Principal | null> {
    const { rows } = await this.questions.query<TokenRow>({ ...tokenQuestion, values: [hashOf(token)] });
    const [found] = rows;
    const now = new Date();
    if (!found || (found.expiresAt && found.expiresAt <= now)) return null;
    const isStale = !found.lastUsedAt || now.getTime() - found.lastUsedAt.getTime() > useRecordedEveryMs;
    if (isStale) await this.prisma.apiToken.update({ where: { id: found.id }, data: { lastUsedAt: now } });
    const { id, name, role, clusters } = found;
    return {
      kind: 'token',
      id,
      name,
      role,
      clusters,
      sessionId: null,
      expiresAt: found.expiresAt,
      owesSecondFactor: false,
    };
  }

  private async bySession(
    headers: Headers,
    prolong: ((cookies: string[]) => void) | null,
  ): Promise<Principal | null> {
    const { headers: told, response: session } = await this.auth.api.getSession({
      ...{ headers, query: { disableRefresh: prolong === null } },
      returnHeaders: true,
    });
    if (!session) return null;
    const cookies = told.getSetCookie();
    if (cookies.length > 0) prolong?.(cookies);
    const [user, required] = await Promise.all([
      this.prisma.user.findUnique({
        where: { id: session.user.id },
        include: { clusterRoles: true, accounts: { select: { providerId: true } } },
      }),
      readPolicy(this.prisma),
    ]);
    if (!user) return null;
    const hasPassword = user.accounts.some(({ providerId }) => providerId === 'credential');
    const ageMs = Date.now() - session.session.createdAt.getTime();
    if (ageMs > (hasPassword ? lifeMsMax : providersLifeMsMax)) {
      await this.prisma.session.deleteMany({ where: { id: session.session.id } });
      return null;
    }
    if (prolong) await this.recordUse(session.session.id);
    const roles: Roles = { role: user.role, clusters: clustersOf(user.clusterRoles) };
    const facts = { roles, hasPassword, hasSecondFactor: user.twoFactorEnabled };
    const owes = owesSecondFactor(required, facts);
    return {
      ...{ kind: 'user', id: user.id, name: user.email, sessionId: session.session.id, expiresAt: null },
      ...(owes ? ({ role: 'none', clusters: {} } as const) : roles),
      owesSecondFactor: owes,
    };
  }

  /** When a session was used last, for its owner to see. */
  private async recordUse(sessionId: string): Promise<void> {
    const stale = new Date(Date.now() - useRecordedEveryMs);
    const where = { id: sessionId, OR: [{ lastSeenAt: null }, { lastSeenAt: { lt: stale } }] };
    await this.prisma.session.updateMany({ where, data: { lastSeenAt: new Date() } });
  }
}
