import { z } from 'zod';
import { nodeNameSchema } from './names.ts';

/** A cluster that follows another one (docs/adr/0007). */

const placeSchema = z.object({
  host: z.string().min(1).max(255),
  port: z.number().int().min(1).max(65_535),
});

/** A data node of the source, and where its daemon and its PostgreSQL answer. */
export const sourceMemberSchema = z.object({
  name: nodeNameSchema,
  api: placeSchema,
  postgres: placeSchema,
});
export type SourceMember = z.infer<typeof sourceMemberSchema>;

/** The hosts of a cluster that follows this one; null: not told, because it is of an older release. */
export const followerSchema = z.object({ hosts: z.array(nodeNameSchema).max(100).nullable() });

/** Whom a standby cluster follows. While it is there no node is primary, and no reign is granted. */
export const sourceSchema = z.object({
  clusterId: z.string().min(1),
  name: nodeNameSchema,
  members: z.array(sourceMemberSchema).min(1).max(100),
  /** As last seen: whose timeline was open for writes, in which epoch of the source. */
  primary: nodeNameSchema,
  epoch: z.number().int().min(1),
  /** The node that streams from the source; the others stream from it. */
  leader: nodeNameSchema,
  /** Counts the leaders: what a command expects to find. */
  turn: z.number().int().min(0),
  /** The epoch that a promotion under way asks the nodes to promise: nobody receives WAL. Null: the cluster follows. */
  ending: z.number().int().min(1).nullable(),
  /** Promises of epochs up to this one were asked for by promotions that came to nothing. */
  voidEpoch: z.number().int().min(0),
});
export type Source = z.infer<typeof sourceSchema>;
