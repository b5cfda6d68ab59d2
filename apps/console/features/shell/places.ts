import type { ClusterStatus } from '@quantadb/api/client-types';
import { clusterPages } from './cluster-pages.ts';

/** What the palette leads to (pure). */

export interface Place {
  key: string;
  group: string;
  label: string;
  hint?: string;
  href: string;
}

export interface KnownCluster {
  clusterId: string;
  status: Pick<ClusterStatus, 'name'> & { nodes: { name: string; role: string }[] };
}

/** The cluster that is shown comes first, then the others, then what concerns all of them. */
export function placesOf(
  clusters: readonly KnownCluster[],
  shownId: string | null,
  mainPages: readonly { href: string; label: string }[],
): Place[] {
  const shownFirst = clusters.toSorted(
    (left, right) => Number(right.clusterId === shownId) - Number(left.clusterId === shownId),
  );
  return [
    ...shownFirst.flatMap(placesIn),
    ...mainPages.map((page) => ({ ...page, key: page.href, group: 'Everywhere' })),
  ];
}

function placesIn({ clusterId, status }: KnownCluster): Place[] {
  const base = `/c/${clusterId}`;
  const pages = clusterPages.map(({ path, title }) => ({
    key: `${status.name} ${title}`,
    group: status.name,
    label: title,
    href: path === '' ? base : `${base}/${path}`,
  }));
  const nodes = status.nodes.map(({ name, role }) => ({
    key: `${status.name} ${name}`,
    group: status.name,
    label: name,
    hint: role === 'none' ? 'node' : role,
    href: `${base}/nodes/${name}`,
  }));
  return [...pages, ...nodes];
}
