import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Account, Accounts } from '../auth/account.ts';
import { parseVerifier } from '../auth/verifier.ts';

export type AskServer = <Row extends object>(text: string, values: unknown[]) => Promise<Row[]>;

interface Known {
  account: Account | null;
  atMs: number;
}

interface RoleRow {
  password: string | null;
  can_login: boolean;
  is_superuser: boolean;
  is_monitor: boolean;
  valid_until_ms: string | null;
}

const freshMs = 5_000;
const knownMax = 10_000;

// Every name with its schema: search_path must not decide what runs here.
const roleSql = `
SELECT a.rolpassword AS password, a.rolcanlogin AS can_login, a.rolsuper AS is_superuser,
  pg_catalog.pg_has_role(a.oid, 'pg_monitor', 'MEMBER') AS is_monitor,
  CASE WHEN pg_catalog.isfinite(a.rolvaliduntil)
    THEN pg_catalog.trunc(pg_catalog.date_part('epoch', a.rolvaliduntil) OPERATOR(pg_catalog.*) 1000)::text END AS valid_until_ms
FROM pg_catalog.pg_authid a WHERE a.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name`;

/**
 * Roles as the cluster knows them, remembered for a while, and for as long as nobody can be asked: clients log in also
 * while there is no primary.
 */
export class ClusterAccounts implements Accounts {
  private readonly ask: AskServer;
  private readonly nowMs: () => number;
  private readonly logger: Logger;
  private readonly known = new Map<string, Known>();
  private readonly asking = new Map<string, Promise<Account | null | 'unknown'>>();

  constructor(options: { ask: AskServer; nowMs(): number; logger: Logger }) {
    this.ask = options.ask;
    this.nowMs = options.nowMs;
    this.logger = options.logger;
  }

  async find(role: string, isFresh: boolean): Promise<Account | null | 'unknown'> {
    const known = this.known.get(role);
    if (known && !isFresh && this.nowMs() - known.atMs < freshMs) return known.account;
    const running = this.asking.get(role);
    if (running) return running;
    const lookUp = this.lookUp(role).finally(() => this.asking.delete(role));
    this.asking.set(role, lookUp);
    return lookUp;
  }

  private async lookUp(role: string): Promise<Account | null | 'unknown'> {
    try {
      const [row] = await this.ask<RoleRow>(roleSql, [role]);
      const account = row ? accountOf(row) : null;
      if (this.known.size >= knownMax) this.known.clear();
      this.known.set(role, { account, atMs: this.nowMs() });
      return account;
    } catch (error) {
      this.logger.warn({ error: messageOf(error) }, 'a role could not be looked up');
      return this.known.get(role)?.account ?? 'unknown';
    }
  }
}

function accountOf(row: RoleRow): Account {
  return {
    verifier: parseVerifier(row.password),
    canLogin: row.can_login,
    isSuperuser: row.is_superuser,
    isMonitor: row.is_monitor,
    validUntilMs: row.valid_until_ms === null ? null : Number(row.valid_until_ms),
  };
}
