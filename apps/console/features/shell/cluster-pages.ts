/** The pages of a cluster, in the order of the bar; `path` is below `/c/[id]` (pure). */
export const clusterPages = [
  { path: '', title: 'Overview' },
  { path: 'replication', title: 'Replication' },
  { path: 'metrics', title: 'Metrics' },
  { path: 'sessions', title: 'Sessions' },
  { path: 'queries', title: 'Queries' },
  { path: 'logs', title: 'Logs' },
  { path: 'router', title: 'Routers' },
  { path: 'backups', title: 'Backups' },
  { path: 'restore', title: 'Restore' },
  { path: 'parameters', title: 'Parameters' },
  { path: 'operations', title: 'Operations' },
  { path: 'failovers', title: 'Failovers' },
] as const;

/** The page of the bar that a path belongs to: also what lies below it. */
export function pageOf(path: string, clusterId: string): string {
  const below = path.slice(`/c/${clusterId}/`.length).split('/')[0] ?? '';
  return clusterPages.find((page) => page.path === below)?.path ?? '';
}
