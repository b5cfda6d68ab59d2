import type { ServerSetting } from '../contract/settings-view.ts';
import { isOwnedSetting } from './settings.ts';

/** Why a setting cannot be changed, for whoever looks for it (pure). The first that fits is told. */

const reasons: [RegExp, string][] = [
  [/^synchronous_/, "It follows the cluster's durability: change that instead."],
  [
    /^(fsync|full_page_writes|data_sync_retry|ignore_|zero_damaged|wal_log_hints)/,
    'Another value could lose or damage data.',
  ],
  [/^(archive_|wal_level|restore_command)/, 'Backups and standbys need it as it is.'],
  [/^(ssl|password_encryption)/, 'It protects connections, also those between the nodes.'],
  [
    /^(port|listen_addresses|unix_socket|cluster_name|data_directory|config_file|hba_file|ident_file|external_pid)/,
    'It belongs to the host, and each host has its own.',
  ],
  [
    /^(primary_|recovery_|promote_|hot_standby|wal_re|wal_sender|max_wal_senders|max_replication_slots|restart_after)/,
    'Replication and failover depend on it.',
  ],
];

/** @returns null for a setting that may be changed */
export function fixedBecause({ name, context }: Pick<ServerSetting, 'name' | 'context'>): string | null {
  if (context === 'internal') return 'It was fixed when PostgreSQL was built or the data were made.';
  // QuantaDB adds its own library to those that are chosen.
  if (name === 'shared_preload_libraries' || !isOwnedSetting(name)) return null;
  return reasons.find(([pattern]) => pattern.test(name))?.[1] ?? 'QuantaDB decides this one.';
}
