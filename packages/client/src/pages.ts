/**
 * Lists that grow, and which field of the last element of a page asks for the page after it. The test beside this file
 * compares it with the API's document.
 */
export const pageFields = {
  '/alerts/history': 'resolved',
  '/audit': 'id',
  '/clusters/{clusterId}/audit': 'id',
  '/clusters/{clusterId}/events': 'id',
  '/clusters/{clusterId}/failovers': 'startedAt',
  '/clusters/{clusterId}/operations': 'startedAt',
} as const;
export type PagedPath = keyof typeof pageFields;

/** What asks for the page after an element. */
export interface PageQuery {
  before?: unknown;
  beforeId?: unknown;
}

/**
 * Every element of a list, page after page, the newest first.
 *
 * @param read one page; nothing is asked for beside it for the first
 */
export async function* pagesOf<T>(options: {
  field: string;
  limit: number;
  read(query: PageQuery): Promise<T[]>;
}): AsyncGenerator<T, void, undefined> {
  let query: PageQuery = {};
  for (;;) {
    const page = await options.read(query);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < options.limit) return;
    const { [options.field]: before, id } = last as Record<string, unknown>;
    const isSame = before === query.before && (options.field === 'id' || id === query.beforeId);
    // A list that does not move on would be read for ever.
    if (before === undefined || before === null || isSame) return;
    // Of several of one moment the id says how far the page has come.
    query = options.field === 'id' ? { before } : { before, beforeId: id };
  }
}
