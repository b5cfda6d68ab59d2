import { randomUUID } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { mayGrant } from '../people/roles.ts';
import { hashOf, newToken } from '../secrets.ts';
import { principalOf, procedure, router } from './init.ts';
import { roleSchema, tokenSchema } from './shapes.ts';

const dayMs = 24 * 3_600_000;

export const tokensRouter = router({
  list: procedure('operate', 'GET /tokens', 'API tokens, without their secrets')
    .input(z.object({}))
    .output(z.array(tokenSchema))
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.apiToken.findMany({ orderBy: { createdAt: 'desc' } });
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        role: row.role,
        createdBy: row.createdBy,
        createdAt: row.createdAt.toISOString(),
        expiresAt: row.expiresAt?.toISOString() ?? null,
        lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
        revokedAt: row.revokedAt?.toISOString() ?? null,
      }));
    }),

  create: procedure('operate', 'POST /tokens', 'A new API token; its secret is in this answer only')
    .input(
      z.object({
        name: z.string().min(1).max(100),
        role: roleSchema,
        lifetimeDays: z.number().int().min(1).max(3650).nullable().default(90),
      }),
    )
    .output(z.object({ id: z.string(), token: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const principal = principalOf(ctx);
      if (!mayGrant(principal.role, input.role)) {
        throw new QuantaError(
          'REFUSED',
          `your role (${principal.role}) cannot make a token with role ${input.role}`,
        );
      }
      const token = newToken('api');
      const id = randomUUID();
      const expiresAt =
        input.lifetimeDays === null ? null : new Date(Date.now() + input.lifetimeDays * dayMs);
      const { name, role } = input;
      await ctx.services.prisma.apiToken.create({
        data: { id, name, role, hash: hashOf(token), createdBy: principal.name, expiresAt },
      });
      const after = { role, expiresAt: expiresAt?.toISOString() ?? null };
      await ctx.services.audit.write(ctx, { action: 'create-token', target: name, after, outcome: 'done' });
      return { id, token };
    }),

  revoke: procedure('operate', 'DELETE /tokens/{id}', 'Ends a token at once')
    .input(z.object({ id: z.uuid() }))
    .output(z.object({ revoked: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const token = await ctx.services.prisma.apiToken.findUnique({ where: { id: input.id } });
      if (!token) throw new QuantaError('NOT_FOUND', 'no such token');
      if (!mayGrant(principalOf(ctx).role, token.role)) {
        throw new QuantaError('REFUSED', 'only an administrator ends an administrator’s token');
      }
      await ctx.services.prisma.apiToken.update({
        where: { id: input.id },
        data: { revokedAt: token.revokedAt ?? new Date() },
      });
      await ctx.services.audit.write(ctx, { action: 'revoke-token', target: token.name, outcome: 'done' });
      return { revoked: true as const };
    }),
});
