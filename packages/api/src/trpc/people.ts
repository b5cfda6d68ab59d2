import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { principalOf, procedure, router } from './init.ts';
import { personSchema, roleSchema } from './shapes.ts';

const passwordSchema = z.string().min(10).max(128);
const newPerson = { name: z.string().min(1).max(100), email: z.email().max(200), password: passwordSchema };

export const setupRouter = router({
  state: procedure('nobody', 'GET /setup', 'Whether this installation has its first administrator')
    .input(z.object({}))
    .output(z.object({ isSetUp: z.boolean() }))
    .query(async ({ ctx }) => ({ isSetUp: await ctx.services.people.isSetUp() })),

  createFirstAdmin: procedure(
    'nobody',
    'POST /setup',
    'Makes the first administrator; refused when there is one',
  )
    .input(z.object(newPerson))
    .output(z.object({ id: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const made = await ctx.services.people.createFirstAdmin(input);
      await ctx.services.audit.write(ctx, {
        action: 'create-first-admin',
        target: input.email,
        outcome: 'done',
      });
      return made;
    }),
});

export const peopleRouter = router({
  me: procedure('read', 'GET /me', 'Who you are to the server')
    .input(z.object({}))
    .output(z.object({ kind: z.enum(['user', 'token']), name: z.string(), role: roleSchema }))
    .query(({ ctx }) => {
      const { kind, name, role } = principalOf(ctx);
      return { kind, name, role };
    }),

  list: procedure('administer', 'GET /people', 'Everybody who may sign in')
    .input(z.object({}))
    .output(z.array(personSchema))
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.user.findMany({ orderBy: { email: 'asc' } });
      return rows.map(({ id, name, email, role, createdAt }) => ({
        id,
        name,
        email,
        role,
        createdAt: createdAt.toISOString(),
      }));
    }),

  create: procedure('administer', 'POST /people', 'Lets somebody sign in')
    .input(z.object({ ...newPerson, role: roleSchema }))
    .output(z.object({ id: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const made = await ctx.services.people.create(input);
      const after = { role: input.role };
      await ctx.services.audit.write(ctx, {
        action: 'create-person',
        target: input.email,
        after,
        outcome: 'done',
      });
      return made;
    }),

  setRole: procedure('administer', 'POST /people/{id}/role', 'Changes what somebody may do')
    .input(z.object({ id: z.string().max(64), role: roleSchema }))
    .output(z.object({ role: roleSchema }))
    .mutation(async ({ ctx, input }) => {
      const { before } = await ctx.services.people.setRole(input.id, input.role);
      const record = {
        action: 'set-role',
        target: input.id,
        before: { role: before },
        after: { role: input.role },
      };
      await ctx.services.audit.write(ctx, { ...record, outcome: 'done' });
      return { role: input.role };
    }),

  remove: procedure('administer', 'DELETE /people/{id}', 'Ends somebody’s access, sessions included')
    .input(z.object({ id: z.string().max(64) }))
    .output(z.object({ removed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      if (principalOf(ctx).id === input.id) throw new QuantaError('REFUSED', 'nobody removes himself');
      const { email } = await ctx.services.people.remove(input.id);
      await ctx.services.audit.write(ctx, { action: 'remove-person', target: email, outcome: 'done' });
      return { removed: true as const };
    }),
});
