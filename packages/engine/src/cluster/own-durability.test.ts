import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { commitModeOf, ownDurabilityChangeSchema, ownerWords } from '../contract/own-durability.ts';
import { alterSql } from '../postgres/own-durability.ts';
import { demoState } from '../testing/demo-state.ts';
import { planOwnDurability } from './own-durability.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

const base = { refusal: null, warnings: [] } as unknown as PlanBody;
const change = { role: 'reports', database: null, mode: 'async' as const };
const planned = (state: PlanInput['state'], wanted = {}) =>
  planOwnDurability({ state } as PlanInput, base, { ...change, ...wanted });

describe('I-SYNC-10: a role or a database has a durability of its own', () => {
  it('warns of one that is below what the cluster promises, and not of one above', () => {
    const state = demoState();
    expect(planned(state).warnings.join(' ')).toMatch(/outside the guarantee/);
    expect(planned(state, { mode: 'applied' }).warnings.join(' ')).not.toMatch(/guarantee/);
    const async = { ...state, durability: { ...state.durability, mode: 'async' as const } };
    expect(planned(async).warnings.join(' ')).not.toMatch(/guarantee/);
    const nobody = { ...state, syncSet: { ...state.syncSet, standbys: [], count: 0 } };
    expect(planned(nobody, { mode: 'quorum' }).warnings.join(' ')).toMatch(/No standby is waited for now/);
  });

  it('is refused where nobody could write it down', () => {
    const state = demoState();
    expect(planned(state).refusal).toBeNull();
    expect(planned({ ...state, reign: { ...state.reign, primary: null } }).refusal).toMatch(/no primary/);
  });

  it('names whom it is about, and takes any name PostgreSQL takes', () => {
    expect(ownerWords({ role: 'a', database: 'b' })).toBe('role a in database b');
    const name = `o'"clock; DROP ROLE x`;
    const sql = alterSql(pg, { role: name, database: 'Shop', mode: 'applied' });
    expect(sql).toBe(
      `ALTER ROLE "o'""clock; DROP ROLE x" IN DATABASE "Shop" SET synchronous_commit = 'remote_apply'`,
    );
    expect(alterSql(pg, { role: null, database: 'b', mode: null })).toBe(
      'ALTER DATABASE "b" RESET synchronous_commit',
    );
  });

  it.each([
    { role: null, database: null, mode: 'async' },
    { role: '', database: null, mode: 'async' },
    { role: 'a\0b', database: null, mode: 'async' },
    { role: 'ü'.repeat(32), database: null, mode: 'async' },
    { role: 'a', database: null, mode: 'off' },
  ])('refuses %j at the border', (wrong) => {
    expect(ownDurabilityChangeSchema.safeParse(wrong).success).toBe(false);
  });

  it('knows the words of PostgreSQL', () => {
    expect(['local', 'ON', 'remote_apply', 'off'].map(commitModeOf)).toEqual([
      'async',
      'quorum',
      'applied',
      null,
    ]);
  });
});
