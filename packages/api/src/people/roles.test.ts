import { describe, expect, test } from 'vitest';
import { mayGrant, mayOn, permits, roleOn } from './roles.ts';

const guest = { role: 'none', clusters: { shop: 'operator' } } as const;
const careful = { role: 'operator', clusters: { shop: 'viewer', bank: 'none' } } as const;
const admin = { role: 'admin', clusters: { shop: 'viewer' } } as const;

describe('a role on one cluster', () => {
  test('counts there instead of the role on all', () => {
    expect([roleOn(guest, 'shop'), roleOn(guest, 'bank')]).toEqual(['operator', 'none']);
    expect([roleOn(careful, 'shop'), roleOn(careful, 'bank'), roleOn(careful, 'new')]).toEqual([
      ...['viewer', 'none', 'operator'],
    ]);
    expect(mayOn(careful, 'bank', 'read')).toBe(false);
  });

  test('takes nothing from an administrator of everything, who could give it back to himself', () => {
    expect(roleOn(admin, 'shop')).toBe('admin');
  });

  test('is not found in the prototype of anything', () => {
    expect(roleOn(guest, 'constructor')).toBe('none');
  });
});

describe('a request', () => {
  const ask = (scope: 'installation' | 'cluster' | 'anywhere' | 'self', clusterId?: unknown) => {
    const request = { permission: 'operate', scope, clusterId } as const;
    return { guest: permits(guest, request), careful: permits(careful, request) };
  };

  test('of a cluster is judged by the role there', () => {
    expect(ask('cluster', 'shop')).toEqual({ guest: true, careful: false });
    expect(ask('cluster', 'bank')).toEqual({ guest: false, careful: false });
    expect(ask('cluster', 'new')).toEqual({ guest: false, careful: true });
  });

  test('that names none, or nonsense, is judged by the role on all', () => {
    expect(ask('cluster')).toEqual({ guest: false, careful: true });
    expect(ask('cluster', { id: 'shop' })).toEqual({ guest: false, careful: true });
  });

  test('of the whole installation gains nothing by naming a cluster', () => {
    expect(ask('installation')).toEqual({ guest: false, careful: true });
    expect(ask('installation', 'shop')).toEqual({ guest: false, careful: false });
  });

  test('of whatever may be seen needs one cluster', () => {
    expect(ask('anywhere')).toEqual({ guest: true, careful: true });
    expect(ask('self')).toEqual({ guest: true, careful: true });
  });
});

describe('I-ROLE-3: what may be granted', () => {
  test('is no more than the granter may do, on any cluster', () => {
    expect(mayGrant(guest, { role: 'none', clusters: { shop: 'operator' } })).toBe(true);
    expect(mayGrant(guest, { role: 'viewer', clusters: {} })).toBe(false);
    expect(mayGrant(guest, { role: 'none', clusters: { shop: 'admin' } })).toBe(false);
    expect(mayGrant(guest, { role: 'none', clusters: { bank: 'viewer' } })).toBe(false);
  });

  test('is nothing more where the granter himself has less than elsewhere', () => {
    expect(mayGrant(careful, { role: 'operator', clusters: {} })).toBe(false);
    expect(mayGrant(careful, { role: 'operator', clusters: { shop: 'viewer', bank: 'none' } })).toBe(true);
    expect(mayGrant(admin, { role: 'admin', clusters: {} })).toBe(true);
  });
});
