import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import {
  type LogQuestion,
  logEntriesMax,
  logEntrySchema,
  logSeveritySchema,
  logSourceSchema,
  logSources,
} from '@quantadb/engine/contract/logs';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import type { Services } from '../services.ts';
import { procedure, router } from './init.ts';
import { clusterIdSchema, moment } from './shapes.ts';

const entrySchema = logEntrySchema.omit({ atMs: true }).extend({
  /** Null when the line does not say, or says it in a zone that is not UTC. */
  at: moment.nullable(),
  node: z.string(),
  source: logSourceSchema,
});
type Entry = z.infer<typeof entrySchema>;

const answerSchema = z.object({
  /** Of all nodes that were asked, the newest first. */
  entries: z.array(entrySchema),
  /** Some log was read only so far back; there may be more. */
  isCut: z.boolean(),
  /** Nodes that could not be asked, and why. */
  problems: z.array(z.object({ node: z.string(), message: z.string() })),
});
type Answer = z.infer<typeof answerSchema>;

export const logsRouter = router({
  read: procedure(
    // What clients wrote into statements that failed is in them.
    'operate',
    'GET /clusters/{clusterId}/logs',
    "Logs of PostgreSQL and of QuantaDB's daemons and routers, of every node together, the newest first",
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** Only of this one. */
        node: nodeNameSchema.optional(),
        source: logSourceSchema.optional(),
        search: z.string().max(200).default(''),
        atLeast: logSeveritySchema.default('debug'),
        /** Only entries of this moment or before it. */
        until: moment.optional(),
        limit: z.coerce.number().int().min(1).max(logEntriesMax).default(200),
      }),
    )
    .output(answerSchema)
    .query(async ({ ctx, input }) => {
      const { clusterId, node, source, search, atLeast, until, limit } = input;
      const members = await ctx.services.registry.hostsOf(clusterId);
      const hosts = members.filter((host) => node === undefined || host === node);
      if (hosts.length === 0) throw new QuantaError('NOT_FOUND', 'no such cluster, or no such node in it');
      const untilMs = until === undefined ? null : Date.parse(until);
      const asked = hosts.flatMap((host) =>
        logSources
          .filter((each) => source === undefined || each === source)
          .map((each) => ask(ctx.services, host, { source: each, search, atLeast, untilMs, limit })),
      );
      return merged(await Promise.all(asked), limit);
    }),
});

async function ask({ links }: Services, host: string, question: LogQuestion): Promise<Answer> {
  try {
    const { entries, isCut } = await links.call(host, 'logs', question);
    const told = entries.map(({ atMs, ...entry }) => ({
      ...{ ...entry, node: host, source: question.source },
      at: atMs === null ? null : new Date(atMs).toISOString(),
    }));
    return { entries: told, isCut, problems: [] };
  } catch (error) {
    return { entries: [], isCut: false, problems: [{ node: host, message: messageOf(error) }] };
  }
}

/** A line without a moment stays beside the one before it of its own log. */
function merged(answers: Answer[], limit: number): Answer {
  const dated = answers.flatMap(({ entries }) => {
    let atMs = Number.POSITIVE_INFINITY;
    return entries.map((entry) => {
      if (entry.at !== null) atMs = Date.parse(entry.at);
      return { entry, atMs };
    });
  });
  dated.sort((left, right) => (left.atMs === right.atMs ? 0 : right.atMs - left.atMs));
  const entries: Entry[] = dated.slice(0, limit).map(({ entry }) => entry);
  const problems = answers.flatMap((answer) => answer.problems);
  const known = new Map(problems.map((problem) => [`${problem.node} ${problem.message}`, problem]));
  return { entries, isCut: answers.some(({ isCut }) => isCut), problems: [...known.values()] };
}
