import { timingSafeEqual } from 'node:crypto';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient, Role } from '@quantadb/prisma/client';
import { hashOf } from '../secrets.ts';
import type { Auth } from './auth.ts';

export interface NewPerson {
  name: string;
  email: string;
  password: string;
  role: Role;
  clusterRoles?: ClusterRole[];
}

// A type, not an interface: it goes into the audit log as JSON.
export type ClusterRole = { clusterId: string; role: Role };

const firstAdminLock = 4_716_003n;

/** The people who may sign in. Nobody can sign up: the first admin is made at set-up, the others by admins. */
export class People {
  private readonly prisma: PrismaClient;
  private readonly auth: Auth;
  private readonly secret: string;

  constructor(prisma: PrismaClient, auth: Auth, secret: string) {
    this.prisma = prisma;
    this.auth = auth;
    this.secret = secret;
  }

  async isSetUp(): Promise<boolean> {
    return (await this.prisma.user.count()) > 0;
  }

  /** @throws QuantaError REFUSED when there is somebody already, FORBIDDEN for a wrong token */
  async createFirstAdmin(person: Omit<NewPerson, 'role'>, token: string): Promise<{ id: string }> {
    const isRight = timingSafeEqual(hashOf(token), hashOf(setupTokenOf(this.secret)));
    if (!isRight && !(await this.isSetUp())) {
      throw new QuantaError('FORBIDDEN', 'this is not the set-up token of this installation', {
        hint: 'The log of the console has it, and on its machine: quantadb console setup-token <console.env>.',
      });
    }
    return this.prisma.$transaction(
      async (transaction) => {
        await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${firstAdminLock})`;
        if ((await transaction.user.count()) > 0) {
          throw new QuantaError('REFUSED', 'this installation has an administrator already', {
            hint: 'Sign in.',
          });
        }
        return this.create({ ...person, role: 'admin' });
      },
      { timeout: 20_000 },
    );
  }

  /** @throws QuantaError REFUSED when the address is taken */
  async create(person: NewPerson): Promise<{ id: string }> {
    const context = await this.auth.$context;
    const email = person.email.toLowerCase();
    if (await this.prisma.user.findUnique({ where: { email } })) {
      throw new QuantaError('REFUSED', `${email} has an account already`);
    }
    const { name, role, password, clusterRoles = [] } = person;
    await requireClusters(this.prisma, clusterRoles);
    const user = await context.internalAdapter.createUser(
      { name, email, emailVerified: true, role },
      { method: 'email-password' },
    );
    await context.internalAdapter.linkAccount({
      userId: user.id,
      providerId: 'credential',
      accountId: user.id,
      password: await context.password.hash(password),
    });
    await this.prisma.personClusterRole.createMany({
      data: clusterRoles.map((each) => ({ ...each, userId: user.id })),
    });
    return { id: user.id };
  }

  /**
   * @param roles without `clusterRoles` those on single clusters stay
   * @throws QuantaError NOT_FOUND, REFUSED for the last administrator
   */
  async setRole(
    id: string,
    { role, clusterRoles }: { role: Role; clusterRoles?: ClusterRole[] | undefined },
  ): Promise<{ before: { role: Role; clusterRoles: ClusterRole[] } }> {
    return this.prisma.$transaction(async (transaction) => {
      const include = { clusterRoles: { select: { clusterId: true, role: true } } };
      const user = await transaction.user.findUnique({ where: { id }, include });
      if (!user) throw new QuantaError('NOT_FOUND', 'no such person');
      await this.keepOneAdmin(transaction, { id, staysAdmin: role === 'admin' });
      await transaction.user.update({ where: { id }, data: { role } });
      if (clusterRoles) {
        await requireClusters(transaction, clusterRoles);
        await transaction.personClusterRole.deleteMany({ where: { userId: id } });
        const data = clusterRoles.map((each) => ({ ...each, userId: id }));
        await transaction.personClusterRole.createMany({ data });
      }
      return { before: { role: user.role, clusterRoles: user.clusterRoles } };
    });
  }

  /** @throws QuantaError NOT_FOUND, REFUSED for the last administrator */
  async remove(id: string): Promise<{ email: string }> {
    return this.prisma.$transaction(async (transaction) => {
      const user = await transaction.user.findUnique({ where: { id } });
      if (!user) throw new QuantaError('NOT_FOUND', 'no such person');
      await this.keepOneAdmin(transaction, { id, staysAdmin: false });
      await transaction.user.delete({ where: { id } });
      return { email: user.email };
    });
  }

  private async keepOneAdmin(
    transaction: Pick<PrismaClient, 'user' | '$executeRaw'>,
    change: { id: string; staysAdmin: boolean },
  ): Promise<void> {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${firstAdminLock})`;
    if (change.staysAdmin) return;
    const others = await transaction.user.count({ where: { role: 'admin', id: { not: change.id } } });
    if (others === 0)
      throw new QuantaError('REFUSED', 'this is the last administrator', {
        hint: 'Make somebody else one first.',
      });
  }
}

/** @throws QuantaError NOT_FOUND naming the first one that is not there */
export async function requireClusters(
  prisma: Pick<PrismaClient, 'cluster'>,
  roles: ClusterRole[],
): Promise<void> {
  const ids = roles.map(({ clusterId }) => clusterId);
  const rows = await prisma.cluster.findMany({ where: { id: { in: ids } }, select: { id: true } });
  const known = new Set(rows.map(({ id }) => id));
  const missing = ids.find((id) => !known.has(id.toLowerCase()));
  if (missing) throw new QuantaError('NOT_FOUND', `there is no cluster ${missing}`);
}
