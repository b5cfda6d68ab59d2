import { z } from 'zod';

/**
 * What a router has to know of its cluster. It comes from consensus through the daemon, with the epoch; the router never
 * works out by itself who is primary.
 */
export const routerTopologySchema = z.object({
  cluster: z.string(),
  epoch: z.number().int(),
  /** Of what the cluster has agreed on. */
  revision: z.number().int().default(0),
  timeline: z.number().int(),
  /** Open for writes under `epoch`; null while nobody is. */
  primary: z.string().nullable(),
  /** The cluster follows that one: there is no primary, and there will be none until somebody promotes it. */
  follows: z.string().nullable().default(null),
  /** Why no new transaction may begin although there is a primary: a switchover is about to stop it. */
  drain: z.string().nullable(),
  /** Lines of pg_hba.conf that people have added, before the usual ones. */
  hba: z.array(z.string()).default([]),
  /** How the newest timelines came of each other. */
  timelines: z
    .array(
      z.object({
        id: z.number().int(),
        parentId: z.number().int().nullable(),
        forkLsn: z.string().nullable(),
      }),
    )
    .default([]),
  nodes: z.array(
    z.object({
      name: z.string(),
      host: z.string(),
      port: z.number().int(),
      socketDirectory: z.string().nullable(),
      /** It may be sent reads: a standby that streams, not in maintenance, not excluded by a person. */
      isReadable: z.boolean(),
      lagBytes: z.number().nullable(),
      lagMs: z.number().nullable(),
      weight: z.number().min(0).default(1),
    }),
  ),
});
export type RouterTopology = z.infer<typeof routerTopologySchema>;
export type RouterNode = RouterTopology['nodes'][number];

export const noTopology: RouterTopology = {
  cluster: '',
  epoch: 0,
  revision: 0,
  timeline: 0,
  primary: null,
  follows: null,
  drain: null,
  hba: [],
  timelines: [],
  nodes: [],
};

/** A daemon that has just begun knows what its disk says, which may be less than what the one before it has told (pure). */
export function isOlder(told: RouterTopology, known: RouterTopology): boolean {
  return told.epoch < known.epoch || (told.epoch === known.epoch && told.revision < known.revision);
}
