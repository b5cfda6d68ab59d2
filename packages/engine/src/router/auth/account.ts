import type { Verifier } from './verifier.ts';

/** A role as far as its login is concerned. */
export interface Account {
  verifier: Verifier;
  canLogin: boolean;
  /** To the database it asks for; null: there is none of that name. */
  canConnect: boolean | null;
  isSuperuser: boolean;
  /** Superusers may too. */
  canReplicate: boolean;
  /** Member of pg_monitor: may look at the router. */
  isMonitor: boolean;
  /** Roles it is a member of, itself among them. */
  groups: readonly string[];
  /** Wall clock; null: for ever. */
  validUntilMs: number | null;
  /** What sessions of this role in this database begin with, as the catalogue has it (pg_db_role_setting): a text to compare. */
  defaults: string;
}

/** Where roles are looked up. */
export interface Accounts {
  /** @returns null when there is no such role; `unknown` when nobody could be asked */
  find(role: string, database: string): Promise<Account | null | 'unknown'>;
}
