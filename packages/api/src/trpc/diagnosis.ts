import { messageOf } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { inWordsOfRelease } from '../hosts/older-release.ts';
import type { Services } from '../services.ts';
import { procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const hostTellsSchema = z.object({
  host: z.string(),
  /** For people and for `quantadb diagnose`; its parts are not promised. Null: there is no answer, and `problem` says why. */
  told: z.record(z.string(), z.unknown()).nullable(),
  problem: z.string().nullable(),
});

export const diagnosisRouter = router({
  read: procedure(
    'operate',
    'GET /clusters/{clusterId}/diagnosis',
    'Everything that every host of a cluster tells of itself, without secrets',
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(z.object({ hosts: z.array(hostTellsSchema) }))
    .query(async ({ ctx, input }) => {
      const hosts = await ctx.services.registry.hostsOf(input.clusterId);
      return { hosts: await Promise.all(hosts.map((host) => ask(ctx.services, host))) };
    }),
});

async function ask({ links }: Services, host: string): Promise<z.infer<typeof hostTellsSchema>> {
  try {
    const told = await inWordsOfRelease(host, () => links.call(host, 'diagnose', {}));
    return { host, told, problem: null };
  } catch (error) {
    return { host, told: null, problem: messageOf(error) };
  }
}
