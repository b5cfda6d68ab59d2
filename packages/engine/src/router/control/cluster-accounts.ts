import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Account, Accounts } from '../auth/account.ts';
import { parseVerifier } from '../auth/verifier.ts';

export type AskServer = <Row extends object>(text: string, values: unknown[]) => Promise<Row[]>;

interface RoleRow {
  password: string | null;
  can_login: boolean;
  can_connect: boolean | null;
  is_superuser: boolean;
  can_replicate: boolean;
  is_monitor: boolean;
  valid_until_ms: string | null;
  groups: string[];
  defaults: string;
}

/** Whoever is not known waits for so long for a server that can be asked: a failover goes on, or the router has only just started. */
const unknownWaitMs = 8000;
const askAgainMs = 200;
/** Whoever is known does not wait long for an answer that may not come. */
const knownWaitMs = 500;
const knownMax = 10_000;

// Every name with its schema: search_path must not decide what runs here.
const roleSql = `
SELECT a.rolpassword AS password, a.rolcanlogin AS can_login,
  (SELECT pg_catalog.has_database_privilege(a.oid, d.oid, 'CONNECT') FROM pg_catalog.pg_database d
    WHERE d.datname OPERATOR(pg_catalog.=) $2::pg_catalog.name) AS can_connect, a.rolsuper AS is_superuser,
  a.rolsuper OR a.rolreplication AS can_replicate,
  pg_catalog.pg_has_role(a.oid, 'pg_monitor', 'MEMBER') AS is_monitor,
  CASE WHEN pg_catalog.isfinite(a.rolvaliduntil)
    THEN pg_catalog.trunc(pg_catalog.date_part('epoch', a.rolvaliduntil) OPERATOR(pg_catalog.*) 1000)::text END AS valid_until_ms,
  ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_roles g
    WHERE NOT a.rolsuper AND pg_catalog.pg_has_role(a.oid, g.oid, 'MEMBER') OR g.oid OPERATOR(pg_catalog.=) a.oid) AS groups,
  (SELECT coalesce(pg_catalog.string_agg(s::pg_catalog.text, ';' ORDER BY s.setdatabase, s.setrole), '') FROM pg_catalog.pg_db_role_setting s
    WHERE s.setrole OPERATOR(pg_catalog.=) ANY (ARRAY[a.oid, 0::oid]) AND (s.setdatabase OPERATOR(pg_catalog.=) 0::oid
      OR s.setdatabase OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname OPERATOR(pg_catalog.=) $2::pg_catalog.name))) AS defaults
FROM pg_catalog.pg_authid a WHERE a.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name`;

/**
 * Roles as the cluster knows them. Asked anew at every login, so that a new password counts at once; remembered for when
 * nobody can be asked, because clients log in also while there is no primary.
 */
export class ClusterAccounts implements Accounts {
  private readonly ask: AskServer;
  private readonly logger: Logger;
  private readonly known = new Map<string, Account | null>();
  private readonly asking = new Map<string, Promise<Account | null | 'unknown'>>();

  constructor(options: { ask: AskServer; logger: Logger }) {
    this.ask = options.ask;
    this.logger = options.logger;
  }

  async find(role: string, database: string): Promise<Account | null | 'unknown'> {
    const key = `${role}\0${database}`;
    const running =
      this.asking.get(key) ?? this.lookUp(key, [role, database]).finally(() => this.asking.delete(key));
    this.asking.set(key, running);
    const known = this.known.get(key);
    if (known === undefined) return running;
    let timer: NodeJS.Timeout | undefined;
    const remembered = new Promise<Account | null>((resolve) => {
      timer = setTimeout(() => resolve(known), knownWaitMs);
    });
    return Promise.race([running, remembered]).finally(() => clearTimeout(timer));
  }

  private async lookUp(
    key: string,
    names: [role: string, database: string],
  ): Promise<Account | null | 'unknown'> {
    const endMs = performance.now() + unknownWaitMs;
    for (;;) {
      try {
        const [row] = await this.ask<RoleRow>(roleSql, names);
        const account = row ? accountOf(row) : null;
        if (this.known.size >= knownMax) this.known.clear();
        this.known.set(key, account);
        return account;
      } catch (error) {
        const known = this.known.get(key);
        if (known !== undefined || performance.now() >= endMs) {
          this.logger.warn({ error: messageOf(error) }, 'a role could not be looked up');
          return known ?? 'unknown';
        }
      }
      await delay(askAgainMs);
    }
  }
}

function accountOf(row: RoleRow): Account {
  return {
    verifier: parseVerifier(row.password),
    canLogin: row.can_login,
    canConnect: row.can_connect,
    isSuperuser: row.is_superuser,
    canReplicate: row.can_replicate,
    isMonitor: row.is_monitor,
    groups: row.groups,
    defaults: row.defaults,
    validUntilMs: row.valid_until_ms === null ? null : Number(row.valid_until_ms),
  };
}
