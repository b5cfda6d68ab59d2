import { z } from 'zod';
import { refusableSchema } from '../contract/answers.ts';
import { lsnSchema, nodeNameSchema, timelineSchema } from '../contract/cluster-state.ts';
import { type Source, sourceMemberSchema } from '../contract/source.ts';
import { followersSchema } from '../contract/status.ts';
import { QuantaError } from '../shared/errors.ts';

/**
 * What a cluster tells another one that follows it, and is asked to do for it. It learns no more of the follower than its name
 * and which hosts may replicate for it.
 */

export const sourceViewSchema = z.object({
  clusterId: z.string(),
  name: nodeNameSchema,
  systemIdentifier: z.string(),
  revision: z.number().int(),
  epoch: z.number().int(),
  /** Who reigns; null while nobody does, or the reign is not open. */
  primary: nodeNameSchema.nullable(),
  /** That node says itself that it takes writes. */
  takesWrites: z.boolean(),
  /** Where the primary's WAL ends. */
  lsn: lsnSchema.nullable(),
  timeline: z.number().int(),
  timelines: z.array(timelineSchema),
  members: z.array(sourceMemberSchema),
  parameters: z.record(z.string(), z.string()),
  hba: z.array(z.string()),
  followers: followersSchema,
});
export type SourceView = z.infer<typeof sourceViewSchema>;

export const sourcePeerMethods = {
  /** Of the cluster that the host is in, whichever it is: asked by hosts of another one. */
  'source-view': { input: z.object({ clusterId: z.string().nullable() }), output: sourceViewSchema },
  /** To the primary: keep WAL for a cluster that follows, from there on; null: whatever is there. */
  'keep-for-follower': {
    input: z.object({
      ...{ clusterId: z.string(), follower: nodeNameSchema, from: lsnSchema.nullable() },
      /** That may stream from it, or copy its data; older releases do not say. */
      hosts: z.array(nodeNameSchema).max(100).optional(),
    }),
    output: refusableSchema,
  },
  /** To the primary: it follows no longer. */
  'drop-follower': {
    input: z.object({ clusterId: z.string(), follower: nodeNameSchema }),
    output: refusableSchema,
  },
  /** Inside a standby cluster: what a member sees of the source. */
  'look-at-source': {
    input: z.object({ clusterId: z.string() }),
    output: z.object({ view: sourceViewSchema.nullable() }),
  },
} as const;

/** What a new standby cluster agrees on of its source (pure). @throws QuantaError REFUSED when it cannot be followed now */
export function sourceOf(view: SourceView, leader: string): Source {
  const { clusterId, name, members, primary, epoch } = view;
  if (primary === null)
    throw new QuantaError('REFUSED', `${name} has no primary that is open: it cannot be copied now`);
  return { clusterId, name, members, primary, epoch, leader, turn: 0, ending: null, voidEpoch: 0 };
}
