import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LocalSystem } from './local-system.ts';

/** The pages of the console, by its own folders: a new page is looked at without being named anywhere else. */

const app = fileURLToPath(new URL('../../apps/console/app/', import.meta.url));

/** For whoever is not signed in. */
export const entrances = ['/login', '/setup'];

/** Other views of a page, which its address tells. */
const views: Record<string, string[]> = {
  '/alerts': ['history', 'rules', 'silences', 'channels'].map((tab) => `?tab=${tab}`),
};

/** In brackets what an address stands for, as Next has it: `/c/[id]/nodes/[node]`. */
function routes(): string[] {
  return readdirSync(app, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(^|\/)page\.tsx$/.test(file))
    .map((file) => `/${file.replace(/\/?page\.tsx$/, '').replace(/\([^)]*\)\/?/g, '')}`)
    .toSorted();
}

/** One of everything that has a page of its own. */
export interface Known {
  id: string;
  node: string;
  operation: string;
  failover: string;
}

export async function knownIn(system: LocalSystem): Promise<Known> {
  const [cluster] = (await system.api('GET', '/clusters')) as { id: string }[];
  const id = cluster?.id ?? '';
  const newest = async (what: string) => {
    const [first] = (await system.api('GET', `/clusters/${id}/${what}`)) as { id: string | number }[];
    if (!first) throw new Error(`the cluster has had no ${what}`);
    return String(first.id);
  };
  return { id, node: 'node-1', operation: await newest('operations'), failover: await newest('failovers') };
}

/**
 * The address of every page and view that somebody who is signed in can open.
 *
 * @throws Error for a page of something that is not known here
 */
export function pathsOf(known: Partial<Known>): string[] {
  const names = Object.entries(known);
  return routes()
    .filter((route) => !entrances.includes(route))
    .flatMap((route) => {
      const path = names.reduce((text, [name, value]) => text.replace(`[${name}]`, value), route);
      if (path.includes('[')) throw new Error(`no address for ${route}: add it to Known`);
      return [path, ...(views[route] ?? []).map((view) => path + view)];
    });
}

/** Of an installation without any cluster. */
export function pathsWithoutCluster(): string[] {
  return routes().filter((route) => !route.includes('[') && !entrances.includes(route));
}
