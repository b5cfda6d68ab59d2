import { expect, test } from 'vitest';
import { configFromEnvironment } from './config.ts';

const least = {
  QUANTADB_DATABASE_URL: 'postgres://localhost/quantadb',
  QUANTADB_SECRET: 'ab'.repeat(32),
  QUANTADB_PUBLIC_URL: 'https://quantadb.example.com',
};
const oidc = {
  QUANTADB_OIDC_ISSUER: 'https://id.example.com/realms/main/',
  QUANTADB_OIDC_CLIENT_ID: 'quantadb',
  QUANTADB_OIDC_CLIENT_SECRET: 'hidden',
};
const messageOf = (environment: Record<string, string>) => {
  try {
    configFromEnvironment(environment);
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
};

test('a console needs three variables, and believes no proxy and no provider without being told to', () => {
  expect(configFromEnvironment({ ...least, QUANTADB_TRUSTED_PROXIES: '' })).toMatchObject({
    ...{
      requestsPerMinute: 1200,
      readsPerMinute: 12_000,
      previousSecret: null,
      trustedProxies: null,
      oidc: null,
      metadataBackup: null,
      metricsToken: null,
    },
  });
});

test('an identity provider is named by its issuer; groups have roles', () => {
  const more = {
    QUANTADB_OIDC_ROLES: 'dba=admin, cn=on call=operator',
    QUANTADB_OIDC_DOMAINS: 'Example.com',
  };
  expect(configFromEnvironment({ ...least, ...oidc, ...more }).oidc).toMatchObject({
    issuer: 'https://id.example.com/realms/main',
    roles: { dba: 'admin', 'cn=on call': 'operator' },
    ...{ domains: ['example.com'], defaultRole: 'none', linksByEmail: false, trustsEmail: false },
  });
});

test('what is wrong is named by its variable', () => {
  const wrong = { QUANTADB_OIDC_ISSUER: 'http://id.example.com' };
  expect(messageOf({ ...least, ...oidc, ...wrong })).toBe('QUANTADB_OIDC_ISSUER: must begin with https://');
  expect(messageOf({ ...least, QUANTADB_OIDC_CLIENT_ID: 'quantadb' })).toMatch('QUANTADB_OIDC_ISSUER: ');
  expect(messageOf({ ...least, ...oidc, QUANTADB_OIDC_ROLES: 'dba' })).toMatch('QUANTADB_OIDC_ROLES: ');
  expect(messageOf({ ...least, QUANTADB_TRUSTED_PROXIES: 'anybody' })).toMatch('QUANTADB_TRUSTED_PROXIES: ');
  expect(messageOf({ ...least, QUANTADB_METRICS_TOKEN: 'short' })).toMatch('QUANTADB_METRICS_TOKEN: 16 ');
  expect(messageOf({ ...least, QUANTADB_SECRET: 'short' })).toBe('QUANTADB_SECRET: 64 hexadecimal digits');
});
