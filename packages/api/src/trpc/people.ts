import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { setRole } from '../people/set-role.ts';
import { readPolicy, secondFactorGroups, writePolicy } from '../people/sign-in-policy.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterRolesSchema, personSchema, roleSchema } from './shapes.ts';

const setupTokenMax = 100;
const passwordSchema = z.string().min(10).max(128);
const newPerson = { name: z.string().min(1).max(100), email: z.email().max(200), password: passwordSchema };

/** `operators` means administrators as well. */
const policySchema = z.object({ secondFactorFor: z.enum(secondFactorGroups) });

export const setupRouter = router({
  state: procedure('nobody', 'GET /setup', 'Whether this installation has its first administrator')
    .input(z.object({}))
    .output(
      z.object({
        isSetUp: z.boolean(),
        /** What people may sign in through besides a password. */
        provider: z.object({ name: z.string() }).nullable(),
      }),
    )
    .query(async ({ ctx }) => {
      const { people, provider } = ctx.services;
      return { isSetUp: await people.isSetUp(), provider };
    }),

  createFirstAdmin: procedure(
    'nobody',
    'POST /setup',
    'Makes the first administrator; refused when there is one',
  )
    .input(
      z.object({
        ...newPerson,
        /** Told by the log of the console, and by `quantadb console setup-token`. */
        token: z.string().max(setupTokenMax),
      }),
    )
    .output(z.object({ id: z.string() }))
    .mutation(async ({ ctx, input: { token, ...input } }) => {
      const { people, audit } = ctx.services;
      const record = { action: 'create-first-admin', target: input.email };
      try {
        const made = await people.createFirstAdmin(input, token);
        await audit.write(ctx, { ...record, outcome: 'done' });
        return made;
      } catch (error) {
        await audit.writeRefusal(ctx, { ...record, detail: messageOf(error) });
        throw error;
      }
    }),
});

export const peopleRouter = router({
  me: procedure('read', 'GET /me', 'Who you are to the server', 'self')
    .input(z.object({}))
    .output(
      z.object({
        kind: z.enum(['user', 'token']),
        name: z.string(),
        /** On all clusters that are not named below. */
        role: roleSchema,
        clusterRoles: clusterRolesSchema,
        /** No role counts before a second factor is set up. */
        owesSecondFactor: z.boolean(),
      }),
    )
    .query(({ ctx }) => {
      const { kind, name, role, clusters, owesSecondFactor } = principalOf(ctx);
      const clusterRoles = Object.entries(clusters).map(([clusterId, each]) => ({ clusterId, role: each }));
      return { kind, name, role, clusterRoles, owesSecondFactor };
    }),

  list: procedure('administer', 'GET /people', 'Everybody who may sign in')
    .input(z.object({}))
    .output(z.array(personSchema))
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.user.findMany({
        include: { clusterRoles: { select: { clusterId: true, role: true } } },
        orderBy: { email: 'asc' },
      });
      return rows.map(({ id, name, email, role, clusterRoles, createdAt, twoFactorEnabled }) => ({
        ...{ id, name, email, role, clusterRoles, hasSecondFactor: twoFactorEnabled },
        createdAt: createdAt.toISOString(),
      }));
    }),

  create: procedure('administer', 'POST /people', 'Lets somebody sign in')
    .input(z.object({ ...newPerson, role: roleSchema, clusterRoles: clusterRolesSchema.default([]) }))
    .output(z.object({ id: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const made = await ctx.services.people.create(input);
      const after = { role: input.role, clusterRoles: input.clusterRoles };
      await ctx.services.audit.write(ctx, {
        action: 'create-person',
        target: input.email,
        after,
        outcome: 'done',
      });
      return made;
    }),

  setRole: procedure('administer', 'POST /people/{id}/role', 'Changes what somebody may do')
    .input(
      z.object({
        id: z.string().max(64),
        role: roleSchema,
        /** Instead of those there were; without it they stay. */
        clusterRoles: clusterRolesSchema.optional(),
      }),
    )
    .output(z.object({ role: roleSchema }))
    .mutation(async ({ ctx, input }) => {
      const { email, before } = await setRole(ctx.services.prisma, input.id, input);
      ctx.services.accessChanged({ kind: 'user', id: input.id });
      const record = {
        action: 'set-role',
        target: email,
        before,
        after: { role: input.role, clusterRoles: input.clusterRoles ?? before.clusterRoles },
      };
      await ctx.services.audit.write(ctx, { ...record, outcome: 'done' });
      return { role: input.role };
    }),

  resetSecondFactor: procedure(
    'administer',
    'POST /people/{id}/reset-second-factor',
    'For somebody who has lost telephone and backup codes; their sessions end',
  )
    .input(z.object({ id: z.string().max(64), reason: z.string().trim().min(3).max(500) }))
    .output(z.object({ reset: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { email } = await ctx.services.secondFactor.reset(input.id);
      ctx.services.accessChanged({ kind: 'user', id: input.id });
      const record = { action: 'reset-second-factor', target: email, reason: input.reason };
      await ctx.services.audit.write(ctx, { ...record, outcome: 'done' });
      return { reset: true as const };
    }),

  policy: procedure('administer', 'GET /sign-in-policy', 'How people have to sign in')
    .input(z.object({}))
    .output(policySchema)
    .query(async ({ ctx }) => ({ secondFactorFor: await readPolicy(ctx.services.prisma) })),

  setPolicy: procedure('administer', 'POST /sign-in-policy', 'Whose password alone opens nothing')
    .input(policySchema)
    .output(policySchema)
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit } = ctx.services;
      const before = { secondFactorFor: await readPolicy(prisma) };
      await writePolicy(prisma, { ...input, changedBy: principalOf(ctx).name });
      ctx.services.accessChanged(null);
      const record = { action: 'set-sign-in-policy', target: 'sign-in policy', before, after: input };
      await audit.write(ctx, { ...record, outcome: 'done' });
      return input;
    }),

  remove: procedure('administer', 'DELETE /people/{id}', 'Ends somebody’s access, sessions included')
    .input(z.object({ id: z.string().max(64) }))
    .output(z.object({ removed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      if (principalOf(ctx).id === input.id) throw new QuantaError('REFUSED', 'nobody removes himself');
      const { email } = await ctx.services.people.remove(input.id);
      ctx.services.accessChanged({ kind: 'user', id: input.id });
      await ctx.services.audit.write(ctx, { action: 'remove-person', target: email, outcome: 'done' });
      return { removed: true as const };
    }),
});
