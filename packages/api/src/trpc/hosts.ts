import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import {
  enrolmentAnswerSchema,
  enrolmentRequestSchema,
  operatorCertificateRequestSchema,
} from '@quantadb/engine/contract/link';
import { certifyOperatorRequest } from '@quantadb/engine/security/pki';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { mayOn } from '../people/roles.ts';
import { principalOf, procedure, router } from './init.ts';
import { hostSchema, moment } from './shapes.ts';

const minuteMs = 60_000;
/** Hosts report every second, and the row is touched every ten. */
const unreachableAfterMs = 25_000;

export const hostsRouter = router({
  list: procedure('read', 'GET /hosts', 'Every enrolled host', 'anywhere')
    .input(z.object({}))
    .output(z.array(hostSchema))
    .query(async ({ ctx }) => {
      const rows = await ctx.services.prisma.host.findMany({
        where: { revokedAt: null },
        include: { cluster: { select: { name: true } } },
        orderBy: { name: 'asc' },
      });
      const seen = rows.filter(({ clusterId }) => !clusterId || mayOn(principalOf(ctx), clusterId, 'read'));
      return seen.map((row) => {
        const isSeen = row.lastSeenAt !== null && Date.now() - row.lastSeenAt.getTime() < unreachableAfterMs;
        const state = row.cluster ? ('member' as const) : ('available' as const);
        return {
          name: row.name,
          kind: row.kind,
          state: isSeen ? state : ('unreachable' as const),
          cluster: row.cluster?.name ?? null,
          clusterId: row.clusterId,
          version: row.version,
          enrolledAt: row.enrolledAt.toISOString(),
          lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
          certificateExpiresAt: row.certExpiresAt.toISOString(),
        };
      });
    }),

  authority: procedure('read', 'GET /authority', 'The certificate authority of this installation', 'anywhere')
    .input(z.object({}))
    .output(z.object({ certificate: z.string(), fingerprint: z.string() }))
    .query(({ ctx }) => {
      const { authority, fingerprint } = ctx.services.keeper;
      return { certificate: authority.certPem, fingerprint };
    }),

  createEnrolmentToken: procedure(
    'administer',
    'POST /hosts/enrolment-tokens',
    'A token that lets one host in, once',
  )
    .input(
      z.object({
        host: nodeNameSchema.nullable().default(null),
        lifetimeMinutes: z
          .number()
          .int()
          .min(1)
          .max(24 * 60)
          .default(60),
      }),
    )
    .output(z.object({ token: z.string(), expiresAt: moment, authorityFingerprint: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const createdBy = principalOf(ctx).name;
      const options = { hostName: input.host, lifetimeMs: input.lifetimeMinutes * minuteMs, createdBy };
      const { token, expiresAt, authorityFingerprint } = await ctx.services.enrolment.createToken(options);
      await ctx.services.audit.write(ctx, {
        action: 'create-enrolment-token',
        target: input.host ?? 'any host',
        outcome: 'done',
      });
      return { token, expiresAt: expiresAt.toISOString(), authorityFingerprint };
    }),

  enrol: procedure('nobody', 'POST /enrol', 'Exchanges an enrolment token for a certificate')
    .input(enrolmentRequestSchema)
    .output(enrolmentAnswerSchema)
    .mutation(async ({ ctx, input }) => {
      const record = { action: 'enrol-host', target: input.name };
      try {
        const answer = await ctx.services.enrolment.enrol(input);
        await ctx.services.audit.write(ctx, { ...record, outcome: 'done' });
        return answer;
      } catch (error) {
        await ctx.services.audit.writeRefusal(ctx, { ...record, detail: messageOf(error) });
        throw error;
      }
    }),

  certifyOperator: procedure(
    'administer',
    'POST /operator-certificates',
    'A certificate that may change clusters through a daemon',
  )
    .input(operatorCertificateRequestSchema)
    .output(enrolmentAnswerSchema)
    .mutation(async ({ ctx, input }) => {
      const { authority } = ctx.services.keeper;
      const certificate = await certifyOperatorRequest(authority, {
        requestPem: input.certificateRequest,
        name: input.name,
      });
      await ctx.services.audit.write(ctx, {
        action: 'certify-operator',
        target: input.name,
        outcome: 'done',
      });
      return { certificate, authority: authority.certPem };
    }),

  remove: procedure(
    'administer',
    'DELETE /hosts/{name}',
    'Ends the enrolment of a host that is in no cluster',
  )
    .input(z.object({ name: nodeNameSchema, reason: z.string().max(500).default('') }))
    .output(z.object({ removed: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit, links } = ctx.services;
      const host = await prisma.host.findUnique({ where: { name: input.name } });
      if (!host || host.revokedAt)
        throw new QuantaError('NOT_FOUND', `no host named ${input.name} is enrolled`);
      if (host.clusterId) {
        throw new QuantaError('REFUSED', `${input.name} is a node of a cluster`, {
          hint: 'Remove it from the cluster first.',
        });
      }
      await prisma.host.update({ where: { name: input.name }, data: { revokedAt: new Date() } });
      links.drop(input.name);
      await audit.write(ctx, {
        action: 'remove-host',
        target: input.name,
        reason: input.reason,
        outcome: 'done',
      });
      return { removed: true as const };
    }),
});
