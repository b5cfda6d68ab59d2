import type { OwnDurability } from '../contract/own-durability.ts';
import type { ServerSetting } from '../contract/settings-view.ts';
import { withFreshConnection } from './connection.ts';
import { type NodePlace, replicationRole } from './layout.ts';
import { ownDurabilities } from './own-durability.ts';

const readDeadlineMs = 4_000;

/**
 * The connection that asks has settings of its own (its name, say), and its role may have some, too. For those the files
 * say what everybody else gets.
 */
const settingsSql = `
WITH own AS (
  SELECT s.*, s.source IN ('client', 'session', 'user', 'database', 'database user', 'interactive') AS is_asker
  FROM pg_settings s
), told AS (
  SELECT DISTINCT ON (lower(name)) lower(name) AS name, setting
  FROM pg_file_settings WHERE applied ORDER BY lower(name), seqno DESC
)
SELECT lower(own.name) AS name,
  left(CASE WHEN is_asker THEN coalesce(told.setting, boot_val, '') ELSE current_setting(own.name) END, 10000) AS value,
  left(boot_val, 10000) AS "builtIn", unit, vartype AS type, context,
  CASE WHEN NOT is_asker THEN source WHEN told.setting IS NULL THEN 'default' ELSE 'configuration file' END AS source,
  short_desc AS description, category, pending_restart AS "isPending", enumvals AS choices,
  CASE WHEN min_val IS NOT NULL THEN json_build_object('min', min_val, 'max', max_val) END AS range
FROM own LEFT JOIN told ON told.name = lower(own.name)
ORDER BY lower(own.name)`;

/** Every setting of the running server, as a new session of anybody gets it; which ones are not for everybody, a role without rights tells. */
export function serverSettings(
  place: NodePlace,
): Promise<{ settings: ServerSetting[]; ownDurabilities: OwnDurability[] }> {
  return withFreshConnection(
    place,
    { what: 'reading the settings', timeoutMs: readDeadlineMs },
    async (client) => {
      const { rows } = await client.query<Omit<ServerSetting, 'isPrivate'>>(settingsSql);
      const own = await ownDurabilities(client);
      await client.query(`BEGIN; SET LOCAL ROLE ${replicationRole}`);
      const shown = await client.query<{ name: string }>('SELECT lower(name) AS name FROM pg_settings');
      const isPublic = new Set(shown.rows.map(({ name }) => name));
      const settings = rows.map((setting) => ({ ...setting, isPrivate: !isPublic.has(setting.name) }));
      return { settings, ownDurabilities: own };
    },
  );
}
