import { describe, expect, test } from 'vitest';
import { judgeClaims, type OidcRules } from './oidc-rules.ts';

const rules: OidcRules = {
  domains: ['example.com'],
  trustsEmail: false,
  groupsClaim: 'groups',
  roles: { dba: 'admin', oncall: 'operator' },
  defaultRole: 'none',
};
const ada = { email: 'ada@example.com', email_verified: true };

describe('I-ROLE-5: whom an identity provider lets in', () => {
  test('is whoever has a verified address of an allowed domain', () => {
    const reasonOf = (claims: Record<string, unknown>, changed: Partial<OidcRules> = {}) => {
      const judged = judgeClaims(claims, { ...rules, ...changed });
      return judged.ok ? 'in' : judged.reason;
    };
    expect(reasonOf(ada)).toBe('in');
    expect(reasonOf({ ...ada, email_verified: false })).toBe('email_not_verified');
    expect(reasonOf({ email: ada.email })).toBe('email_not_verified');
    expect(reasonOf({ email: ada.email }, { trustsEmail: true })).toBe('in');
    expect(reasonOf({ email_verified: true })).toBe('email_missing');
    expect(reasonOf({ ...ada, email: 'eve@evil.com' })).toBe('domain_not_allowed');
    expect(reasonOf({ ...ada, email: 'eve@example.com@evil.com' })).toBe('email_missing');
    expect(reasonOf({ ...ada, email: 'eve@notexample.com' })).toBe('domain_not_allowed');
    expect(reasonOf({ ...ada, email: 'Ada@EXAMPLE.com' })).toBe('in');
    expect(reasonOf({ ...ada, email: 'eve@evil.com' }, { domains: [] })).toBe('in');
  });

  test('has the highest role of his groups, and the default role without one', () => {
    const roleOf = (groups: unknown) => {
      const judged = judgeClaims({ ...ada, groups }, rules);
      return judged.ok ? judged.role : null;
    };
    expect(
      [['oncall', 'dba'], ['oncall'], 'oncall', ['guests'], undefined, [['dba']], ['constructor']].map(
        roleOf,
      ),
    ).toEqual(['admin', 'operator', 'operator', 'none', 'none', 'none', 'none']);
  });
});
