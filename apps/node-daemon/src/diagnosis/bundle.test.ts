import { tmpdir } from 'node:os';
import { demoState } from '@quantadb/engine/testing/demo-state';
import { expect, test } from 'vitest';
import { demoReport } from '../api/testing/api-fixture.ts';
import type { HostConfig } from '../host-config.ts';
import { Bundle, pathPart } from './bundle.ts';
import { describeHost } from './describe-host.ts';
import { tarOf } from './tar.ts';

/** One of everything that QuantaDB keeps secret; each has a word that nothing else has. */
const planted = {
  application: 'planted-application-pw',
  metadata: 'planted/metadata&pw',
  consoleSecret: 'ab12planted'.repeat(5),
  admin: 'planted admin "pw"',
  apiToken: 'qdb_api_planted-token_1',
  enrolment: 'qdb_enrol_plantedenrolment',
  cipherPass: 'planted-cipher',
  s3Key: 'plantedS3Key',
  s3KeySecret: 'planted/s3/secret',
  hook: 'planted-hook-path',
  ldap: 'planted-ldap',
  extension: 'planted-extension-setting',
};

function stateWithSecrets() {
  const { cipherPass, s3Key, s3KeySecret, ldap, extension } = planted;
  return {
    ...demoState(),
    hba: [`host all all 0.0.0.0/0 ldap ldapserver=x ldapbindpasswd=${ldap}`],
    parameters: { 'vault.token': extension, work_mem: '64MB' },
    backup: { config: { repository: { kind: 'posix' }, secrets: { cipherPass, s3Key, s3KeySecret } } },
  } as unknown as ReturnType<typeof demoState>;
}

const config = {
  ...{ name: 'node-1', dataDir: tmpdir(), stateDir: tmpdir() },
  hooks: [
    { on: ['role-change'], post: `https://hooks.example.com/${planted.hook}?token=${planted.apiToken}` },
    { on: ['role-change'], run: ['/usr/bin/tell', planted.hook] },
  ],
} as unknown as HostConfig;

const log = `
LOG:  statement: CREATE ROLE app PASSWORD '${planted.application}'
FATAL: could not connect to "postgres://app:${encodeURIComponent(planted.metadata)}@10.0.0.1/app"
{"level":30,"authorization":"Bearer ${planted.apiToken}","msg":"enrolled with ${planted.enrolment}"}
QUANTADB_SECRET=${planted.consoleSecret} and ${planted.admin}
-----BEGIN PRIVATE KEY-----
plantedkeyplantedkeyplantedkey
-----END PRIVATE KEY-----
repo1-cipher-pass=${planted.cipherPass} repo1-s3-key-secret=${planted.s3KeySecret}`;

test('I-DIAG-1: of all secrets that are planted, none is in the bundle', async () => {
  const told = await describeHost({
    facade: { report: () => demoReport({ detail: `no password=${planted.ldap}` }), state: stateWithSecrets },
    ...{ config, metrics: async () => `# ${planted.apiToken}\n` },
  });
  // Whatever leaves the host is clean already, before anybody knows which secrets there are.
  const { cipherPass, s3Key, s3KeySecret, hook, ldap, extension, apiToken } = planted;
  for (const secret of [cipherPass, s3Key, s3KeySecret, hook, ldap, extension, apiToken])
    expect(JSON.stringify(told)).not.toContain(secret);
  expect(told).toMatchObject({ state: { parameters: { work_mem: '64MB' } } });

  const bundle = new Bundle(Object.values(planted));
  bundle.add('host.json', told);
  bundle.add('status.json', { connect: `postgres://app:${planted.application}@127.0.0.1/app`, ...planted });
  bundle.add('postgres.log', log);
  await bundle.ask('what fails', 'none.json', async () => {
    throw new Error(`refused for ${planted.apiToken}`);
  });
  const all = `${tarOf(bundle.files, 0).toString()}${JSON.stringify(bundle.unanswered)}`;
  for (const secret of Object.values(planted)) {
    expect(all).not.toContain(secret);
    expect(all).not.toContain(encodeURIComponent(secret));
    expect(all).not.toContain(JSON.stringify(secret).slice(1, -1));
  }
  expect(all).not.toContain('plantedkey');
  expect(bundle.unanswered).toHaveLength(1);
});

test('names become parts of paths that lead nowhere else', () => {
  expect(['demo', '../x', '.hidden', 'a/b c'].map(pathPart)).toEqual(['demo', '__x', '_hidden', 'a_b_c']);
});
