import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';
import { table } from './format.ts';

/** What the cluster waits for, and who has another word. */
export function durabilitiesText(cluster: string | null, own: SettingsOverview['ownDurabilities']): string {
  const common = `Commits of everybody: ${cluster ?? 'unknown'}.`;
  if (own.length === 0) return `${common} No role and no database has a durability of its own.`;
  const rows = own.map(({ role, database, setting, mode }) => [
    role ?? 'all',
    database ?? 'all',
    mode ?? '',
    setting,
  ]);
  return `${common} But:\n\n${table(['ROLE', 'DATABASE', 'DURABILITY', 'SYNCHRONOUS_COMMIT'], rows)}`;
}
