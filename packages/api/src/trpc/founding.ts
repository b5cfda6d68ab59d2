import { randomBytes } from 'node:crypto';
import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import {
  type OperationRequest,
  operationPlanSchema,
  operationRequestSchema,
} from '@quantadb/engine/contract/operations';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { attempt } from '../audit/attempt.ts';
import type { Services } from '../services.ts';
import { procedure, requesterOf, router } from './init.ts';

const passwordBytes = 18;

/** A network as PostgreSQL writes it: 10.0.0.0/8. */
const networkSchema = z.string().regex(/^[0-9a-fA-F.:]{2,45}\/\d{1,3}$/, 'a network such as 10.0.0.0/8');
const foundingSchema = z.object({
  host: nodeNameSchema,
  cluster: nodeNameSchema,
  /** A role for the application, which owns a database of its own; null: none is made. */
  role: nodeNameSchema.nullable().default(null),
  /** Null: named as the role. */
  database: nodeNameSchema.nullable().default(null),
  /** Where clients may come from. */
  networks: z.array(networkSchema).max(20).default([]),
});
type Founding = z.infer<typeof foundingSchema>;

/** How a cluster begins: on one host, which the others are added to. */
export const foundingRouter = router({
  plan: procedure(
    'administer',
    'POST /hosts/{host}/cluster/plan',
    'What founding a cluster on a host would do',
  )
    .input(foundingSchema)
    .output(operationPlanSchema)
    .mutation(async ({ ctx, input }) => {
      await requireHost(ctx.services, input.host);
      return ctx.services.links.call(input.host, 'plan', requestOf(input, 'not drawn yet'));
    }),

  start: procedure('administer', 'POST /hosts/{host}/cluster', 'Founds a cluster on a host that is in none')
    .input(foundingSchema.extend({ planHash: z.string().max(100), reason: z.string().max(500).default('') }))
    .output(
      z.object({
        operationId: z.string(),
        /** Told this once, and kept nowhere. */
        password: z.string().nullable(),
      }),
    )
    .mutation(async ({ ctx, input }) => {
      const { services } = ctx;
      const { planHash, reason, ...founding } = input;
      const record = { action: 'create-cluster', target: founding.cluster, reason, after: founding };
      const password = randomBytes(passwordBytes).toString('base64url');
      const { operationId } = await attempt(ctx, {
        ...record,
        ask: async () => {
          await requireHost(services, founding.host);
          const request = requestOf(founding, password);
          const start = { request, planHash, requestedBy: requesterOf(ctx), reason };
          return services.links.call(founding.host, 'start', start);
        },
        ended: (started) => ({ outcome: 'started', detail: started.operationId }),
      });
      return { operationId, password: founding.role === null ? null : password };
    }),
});

function requestOf({ cluster, role, database, networks }: Founding, password: string): OperationRequest {
  const application = role === null ? null : { role, database: database ?? role, password };
  const hba = networks.map((network) => `host all all ${network} scram-sha-256`);
  return operationRequestSchema.parse({ kind: 'create-cluster', cluster, application, parameters: {}, hba });
}

async function requireHost({ prisma }: Services, name: string): Promise<void> {
  const host = await prisma.host.findUnique({ where: { name } });
  if (!host || host.revokedAt) throw new QuantaError('NOT_FOUND', `no host named ${name} is enrolled`);
  if (host.clusterId) throw new QuantaError('REFUSED', `${name} is a node of a cluster already`);
}
