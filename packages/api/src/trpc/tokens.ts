import { randomUUID } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { allows, clustersOf, mayGrant, type Roles } from '../people/roles.ts';
import { requireClusters } from '../people/set-role.ts';
import { hashOf, newToken } from '../secrets.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterRolesSchema, roleSchema, tokenSchema } from './shapes.ts';

const dayMs = 24 * 3_600_000;

export const tokensRouter = router({
  list: procedure('operate', 'GET /tokens', 'API tokens, without their secrets', 'anywhere')
    .input(z.object({}))
    .output(z.array(tokenSchema))
    .query(async ({ ctx }) => {
      const principal = principalOf(ctx);
      const include = { clusterRoles: { select: { clusterId: true, role: true } } };
      const rows = await ctx.services.prisma.apiToken.findMany({ include, orderBy: { createdAt: 'desc' } });
      // Who has roles on single clusters only sees the tokens that he could have made.
      const seen = rows.filter(
        (row) => allows(principal.role, 'operate') || mayGrant(principal, rolesOf(row)),
      );
      return seen.map((row) => ({
        id: row.id,
        name: row.name,
        role: row.role,
        clusterRoles: row.clusterRoles,
        createdBy: row.createdBy,
        createdAt: row.createdAt.toISOString(),
        expiresAt: row.expiresAt?.toISOString() ?? null,
        lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
        revokedAt: row.revokedAt?.toISOString() ?? null,
      }));
    }),

  create: procedure(
    'operate',
    'POST /tokens',
    'A new API token; its secret is in this answer only',
    'anywhere',
  )
    .input(
      z.object({
        name: z.string().min(1).max(100),
        role: roleSchema,
        clusterRoles: clusterRolesSchema.default([]),
        lifetimeDays: z.number().int().min(1).max(3650).nullable().default(90),
      }),
    )
    .output(z.object({ id: z.string(), token: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const principal = principalOf(ctx);
      if (!mayGrant(principal, rolesOf(input))) {
        throw new QuantaError('REFUSED', 'a token cannot do more than you may yourself, on any cluster', {
          hint: `Your role on all clusters is ${principal.role}.`,
        });
      }
      await requireClusters(ctx.services.prisma, input.clusterRoles);
      const token = newToken('api');
      const id = randomUUID();
      const wanted = input.lifetimeDays === null ? null : new Date(Date.now() + input.lifetimeDays * dayMs);
      const expiresAt = earlierOf(wanted, principal.expiresAt);
      const { name, role, clusterRoles } = input;
      await ctx.services.prisma.apiToken.create({
        data: {
          id,
          name,
          role,
          hash: hashOf(token),
          createdBy: principal.name,
          expiresAt,
          clusterRoles: { create: clusterRoles },
        },
      });
      const after = { role, clusterRoles, expiresAt: expiresAt?.toISOString() ?? null };
      await ctx.services.audit.write(ctx, { action: 'create-token', target: name, after, outcome: 'done' });
      return { id, token };
    }),

  revoke: procedure('operate', 'DELETE /tokens/{id}', 'Ends a token at once', 'anywhere')
    .input(z.object({ id: z.uuid() }))
    .output(z.object({ revoked: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const token = await ctx.services.prisma.apiToken.findUnique({
        where: { id: input.id },
        include: { clusterRoles: true },
      });
      if (!token) throw new QuantaError('NOT_FOUND', 'no such token');
      if (!mayGrant(principalOf(ctx), rolesOf(token))) {
        throw new QuantaError('REFUSED', 'this token may do more than you: an administrator ends it');
      }
      await ctx.services.prisma.apiToken.update({
        where: { id: input.id },
        data: { revokedAt: token.revokedAt ?? new Date() },
      });
      ctx.services.accessChanged({ kind: 'token', id: input.id });
      await ctx.services.audit.write(ctx, { action: 'revoke-token', target: token.name, outcome: 'done' });
      return { revoked: true as const };
    }),
});

function rolesOf({
  role,
  clusterRoles,
}: {
  role: Roles['role'];
  clusterRoles: { clusterId: string; role: Roles['role'] }[];
}): Roles {
  return { role, clusters: clustersOf(clusterRoles) };
}

/** A token that a token makes does not outlive it. */
function earlierOf(wanted: Date | null, own: Date | null): Date | null {
  if (wanted === null || own === null) return wanted ?? own;
  return wanted < own ? wanted : own;
}
