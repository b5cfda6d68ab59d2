/** What the console has to ask hosts for, which may not answer for seconds (pure): it must not hold up what is known here. */

const ofHosts = new Set(['backups', 'diagnosis', 'founding', 'logs', 'replication', 'restores', 'sessions']);
const single = new Set(['clusters.settings', 'operations.plan', 'operations.start']);

/** @param path of a procedure, as `logs.get` */
export function asksHosts(path: string): boolean {
  return single.has(path) || ofHosts.has(path.split('.')[0] ?? '');
}
