import { z } from 'zod';
import { allows, mayOn, type Roles } from '../people/roles.ts';
import { moment } from './shapes.ts';

/** What lists have in common that are read page after page, the newest first. */

const pageMax = 200;
export const limitSchema = z.coerce.number().int().min(1).max(pageMax).default(50);

/** Of lists in the order of a moment. Several may be of one moment: the id says how far a page has come among those. */
export function pageByMoment<Id extends z.ZodType<string>>(idSchema: Id) {
  return {
    /** Only what was before this moment: that of the last one of the page before. */
    before: moment.optional(),
    /** Beside `before`, the id of that last one; without it others of the same millisecond may be passed over. */
    beforeId: idSchema.optional(),
    limit: limitSchema,
  };
}

/** @param of the condition on the moment by which the list is in order; the id comes second */
export function olderThan<Where extends object>(
  { before, beforeId }: { before?: string | undefined; beforeId?: string | undefined },
  of: (at: Date | { lt: Date }) => Where,
): { OR?: (Where & { id?: { lt: string } })[] } {
  if (before === undefined) return {};
  const at = new Date(before);
  const older = of({ lt: at });
  return { OR: beforeId === undefined ? [older] : [older, { ...of(at), id: { lt: beforeId } }] };
}

/** What concerns all clusters is for who may read all; of single clusters, everybody sees those that he may read. */
export function seenBy(roles: Roles) {
  const named = Object.keys(roles.clusters);
  const readable = named.filter((id) => mayOn(roles, id, 'read'));
  if (!allows(roles.role, 'read')) return { clusterId: { in: readable } };
  const hidden = named.filter((id) => !mayOn(roles, id, 'read'));
  return { OR: [{ clusterId: null }, { clusterId: { notIn: hidden } }] };
}
