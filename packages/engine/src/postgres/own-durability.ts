import type pg from 'pg';
import {
  commitModes,
  type OwnDurability,
  type OwnDurabilityChange,
  ownDurabilitiesMax,
  ownerWords,
} from '../contract/own-durability.ts';
import { QuantaError } from '../shared/errors.ts';
import { withFreshConnection } from './connection.ts';
import { type NodePlace, replicationRole, superuserRole } from './layout.ts';

/** It commits, so it waits for standbys like everybody. */
const changeDeadlineMs = 20_000;
const readOnly = '25006';
const unknownNames: Record<string, string> = { 42704: 'no such role', '3D000': 'no such database' };

const standingSql = `
SELECT role.rolname AS role, base.datname AS database, split_part(setting, '=', 2) AS setting
FROM pg_db_role_setting own CROSS JOIN unnest(own.setconfig) setting
LEFT JOIN pg_roles role ON role.oid = own.setrole LEFT JOIN pg_database base ON base.oid = own.setdatabase
WHERE lower(setting) LIKE 'synchronous_commit=%'
ORDER BY 1 NULLS FIRST, 2 NULLS FIRST LIMIT $1`;

export async function ownDurabilities(client: Pick<pg.Client, 'query'>): Promise<OwnDurability[]> {
  return (await client.query<OwnDurability>(standingSql, [ownDurabilitiesMax])).rows;
}

/**
 * ALTER ROLE … SET synchronous_commit, or ALTER DATABASE, on the primary. It holds for sessions that begin afterwards, as
 * PostgreSQL's own settings of roles and databases do (https://www.postgresql.org/docs/15/sql-alterrole.html).
 *
 * @throws QuantaError REFUSED when there is no such role or database, or this server is no primary; DEADLINE_EXCEEDED when
 * no standby confirms it: it may stand or not
 */
export async function setOwnDurability(
  place: Pick<NodePlace, 'runDir' | 'port'>,
  change: OwnDurabilityChange,
): Promise<void> {
  const { role, database } = change;
  if (role === superuserRole || role === replicationRole)
    throw new QuantaError('REFUSED', `${role} is QuantaDB's own role, and stays as it is`);
  const what = `changing the durability of ${ownerWords(change)}`;
  try {
    await withFreshConnection(place, { what, timeoutMs: changeDeadlineMs }, (client) =>
      client.query(alterSql(client, { role, database, mode: change.mode })),
    );
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (code === readOnly) throw new QuantaError('REFUSED', 'this server is no primary any more');
    const unknown = unknownNames[code];
    if (unknown) throw new QuantaError('REFUSED', `${unknown}: ${ownerWords(change)}`);
    throw error;
  }
}

export function alterSql(
  { escapeIdentifier }: Pick<pg.Client, 'escapeIdentifier'>,
  { role, database, mode }: OwnDurabilityChange,
): string {
  const base = database === null ? '' : `DATABASE ${escapeIdentifier(database)}`;
  const owner = role === null ? base : `ROLE ${escapeIdentifier(role)}${base === '' ? '' : ` IN ${base}`}`;
  return mode === null
    ? `ALTER ${owner} RESET synchronous_commit`
    : `ALTER ${owner} SET synchronous_commit = '${commitModes[mode]}'`;
}
