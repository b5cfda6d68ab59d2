import type { PrismaClient } from '@quantadb/prisma/client';
import { maySomewhere, type Roles } from './roles.ts';

/** Whose password alone does not open anything. `operators` means administrators as well. */
export const secondFactorGroups = ['nobody', 'administrators', 'operators', 'everybody'] as const;
export type SecondFactorFor = (typeof secondFactorGroups)[number];

export interface SignInFacts {
  roles: Roles;
  /** Who signs in through an identity provider only has no password here: the second factor is asked for there. */
  hasPassword: boolean;
  hasSecondFactor: boolean;
}

/** Whether somebody must set up a second factor before he may do anything else (pure). */
export function owesSecondFactor(required: SecondFactorFor, facts: SignInFacts): boolean {
  return facts.hasPassword && !facts.hasSecondFactor && isRequiredFor(required, facts.roles);
}

/** A role on a single cluster counts as one on all. */
export function isRequiredFor(required: SecondFactorFor, roles: Roles): boolean {
  switch (required) {
    case 'nobody':
      return false;
    case 'administrators':
      return maySomewhere(roles, 'administer');
    case 'operators':
      return maySomewhere(roles, 'operate');
    case 'everybody':
      return true;
  }
}

export async function readPolicy(prisma: PrismaClient): Promise<SecondFactorFor> {
  const row = await prisma.signInPolicy.findUnique({ where: { id: 1 } });
  if (!row) return 'nobody';
  // What a later release may have written is read as the strictest that is known here.
  return secondFactorGroups.find((each) => each === row.secondFactorFor) ?? 'everybody';
}

export async function writePolicy(
  prisma: PrismaClient,
  { secondFactorFor, changedBy }: { secondFactorFor: SecondFactorFor; changedBy: string },
): Promise<void> {
  const data = { secondFactorFor, changedBy, changedAt: new Date() };
  await prisma.signInPolicy.upsert({ where: { id: 1 }, create: { id: 1, ...data }, update: data });
}
