import { expect, test } from 'vitest';
import { redactText, redactValue } from './redact.ts';

test.each([
  ['postgres://app:s3cr3t-pw@10.0.0.1:5432/app', 'postgres://app:[redacted]@10.0.0.1:5432/app'],
  ['postgres://app:p@ss@10.0.0.1/app', 'postgres://app:[redacted]@10.0.0.1/app'],
  ["ALTER ROLE app PASSWORD 'it''s one'", "ALTER ROLE app PASSWORD '[redacted]'"],
  ['repo1-s3-key-secret=abc/def+1', 'repo1-s3-key-secret=[redacted]'],
  ['host all all ldap ldapbindpasswd="two words" x', 'host all all ldap ldapbindpasswd=[redacted] x'],
  [
    "primary_conninfo = 'host=a password=hunter22 user=b'",
    "primary_conninfo = 'host=a password=[redacted] user=b'",
  ],
  ['{"token":"abc","level":30}', '{"token":[redacted],"level":30}'],
  ['authorization: Bearer abcdefghij.klm', 'authorization: Bearer [redacted]'],
  ['with qdb_api_AbC-12_x here', 'with [redacted] here'],
  ['stored SCRAM-SHA-256$4096:c2FsdA==$x:y now', 'stored [redacted] now'],
  ['-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\nend', '[redacted]\nend'],
])('takes the secret out of %s', (text, clean) => {
  expect(redactText(text)).toBe(clean);
});

test('leaves alone what is no secret', () => {
  for (const text of [
    'http://127.0.0.1:7101/api/node at 10:15:03',
    'node-2 refused: 41 MB behind',
    'password authentication failed for user "app"',
  ])
    expect(redactText(text)).toBe(text);
});

test('known secrets are found in every form that text gives them', () => {
  const secret = 'a"b\'c d/e';
  for (const text of [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret),
    `x '${secret.replaceAll("'", "''")}'`,
  ])
    expect(redactText(`say ${text}.`, [secret])).toContain('[redacted]');
  expect(redactText('abc', ['abc'])).toBe('abc');
});

test('fields that are named after a secret lose their value, whatever it looks like', () => {
  const value = {
    cipherPass: 'x',
    s3KeySecret: '',
    nested: [{ password: 'y', passwordAgeDays: 3, planHash: 'h' }],
    token: null,
    settings: [
      { name: 'vault.token', value: 'z', differs: [{ node: 'n', value: 'w' }] },
      { name: 'password_encryption', value: 'scram-sha-256' },
      { name: 'plugin.x', value: 'v', isPrivate: true },
    ],
  };
  expect(redactValue(value)).toEqual({
    cipherPass: '[redacted]',
    s3KeySecret: '',
    nested: [{ password: '[redacted]', passwordAgeDays: 3, planHash: 'h' }],
    token: null,
    settings: [
      { name: 'vault.token', value: '[redacted]', differs: [{ node: '[redacted]', value: '[redacted]' }] },
      { name: 'password_encryption', value: 'scram-sha-256' },
      { name: 'plugin.x', value: '[redacted]', isPrivate: true },
    ],
  });
});

test('a long text without a space is looked through in no time', () => {
  const text = 'x'.repeat(300_000);
  const startedMs = performance.now();
  expect(redactText(text)).toBe(text);
  expect(performance.now() - startedMs).toBeLessThan(5000);
});
