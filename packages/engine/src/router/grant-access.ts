import { type SocketPlace, withFreshConnection } from '../postgres/connection.ts';
import { replicationRole } from '../postgres/layout.ts';

/**
 * Lets the routers of all hosts read the stored passwords. Every host may take a base backup, which holds them too, so
 * this gives nobody anything new.
 *
 * @throws what PostgreSQL said; to be tried again
 */
export async function grantRouterAccess(place: SocketPlace): Promise<void> {
  await withFreshConnection(
    place,
    { what: 'granting the routers access', timeoutMs: 5_000 },
    async (client) => {
      const { rows } = await client.query<{ has: boolean }>(
        "SELECT has_table_privilege($1, 'pg_catalog.pg_authid', 'SELECT') AS has",
        [replicationRole],
      );
      if (rows[0]?.has) return;
      // It must not wait for a standby that is not there yet.
      await client.query("SET synchronous_commit = 'local'");
      await client.query(`GRANT SELECT ON pg_catalog.pg_authid TO ${replicationRole}`);
    },
  );
}
