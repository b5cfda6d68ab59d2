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

/**
 * Every element of a list, page after page, the newest first.
 *
 * @param read one page; `before` is undefined for the first
 */
export async function* pagesOf<T>(options: {
  field: string;
  limit: number;
  read(before: unknown): Promise<T[]>;
}): AsyncGenerator<T, void, undefined> {
  let before: unknown;
  for (;;) {
    const page = await options.read(before);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < options.limit) return;
    const next = (last as Record<string, unknown>)[options.field];
    // A list that does not move on would be read for ever.
    if (next === undefined || next === null || next === before) return;
    before = next;
  }
}
