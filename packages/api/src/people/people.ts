import { randomUUID, timingSafeEqual } from 'node:crypto';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient, Role } from '@quantadb/prisma/client';
import { hashOf } from '../secrets.ts';
import type { Auth } from './auth.ts';
import { administratorsLock, type ClusterRole, keepOneAdmin, requireClusters } from './set-role.ts';

export interface NewPerson {
  name: string;
  email: string;
  password: string;
  role: Role;
  clusterRoles?: ClusterRole[];
}

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
        await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${administratorsLock})`;
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
    const id = randomUUID();
    const hash = await context.password.hash(password);
    const account = { id: randomUUID(), accountId: id, providerId: 'credential', password: hash };
    await this.prisma.user.create({
      data: {
        ...{ id, name, email, emailVerified: true, role },
        accounts: { create: account },
        clusterRoles: { create: clusterRoles },
      },
    });
    return { id };
  }

  /** @throws QuantaError NOT_FOUND, REFUSED for the last administrator */
  async remove(id: string): Promise<{ email: string }> {
    return this.prisma.$transaction(async (transaction) => {
      const user = await transaction.user.findUnique({ where: { id } });
      if (!user) throw new QuantaError('NOT_FOUND', 'no such person');
      await keepOneAdmin(transaction, { id, staysAdmin: false });
      await transaction.user.delete({ where: { id } });
      return { email: user.email };
    });
  }
}
