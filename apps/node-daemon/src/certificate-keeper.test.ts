import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCertificate } from '@quantadb/engine/security/certificate';
import {
  certifyHostRequest,
  createAuthority,
  createCertificateRequest,
  issueHostCertificate,
} from '@quantadb/engine/security/pki';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CertificateKeeper, type Tls } from './certificate-keeper.ts';

const dayMs = 86_400_000;
const addresses = ['127.0.0.1'];

let directory: string;
let authority: Awaited<ReturnType<typeof createAuthority>>;
let tls: Tls;
let applied: string[];
let keeper: CertificateKeeper;

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'certificate-'));
  authority = await createAuthority({ name: 'test' });
  const issued = await issueHostCertificate(authority, { host: 'node-1', addresses });
  tls = { ca: authority.certPem, cert: issued.certPem, key: issued.keyPem };
  applied = [];
  keeper = new CertificateKeeper({
    ...{ host: 'node-1', tls, certFile: join(directory, 'host.crt'), logger: silentLogger },
    apply: async ({ cert }) => void applied.push(cert),
  });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const certify = (host: string) => (requestPem: string) =>
  certifyHostRequest(authority, { requestPem, host, addresses });

function halfLifeMs(): number {
  const { fromMs, untilMs } = readCertificate(tls.cert);
  return (fromMs + untilMs) / 2;
}

test('once half of its life is over a certificate is renewed for the same key: on disk first, then everywhere', async () => {
  const before = tls.cert;
  await keeper.look(certify('node-1'), halfLifeMs() - dayMs);
  expect(tls.cert).toBe(before);
  await keeper.look(certify('node-1'), halfLifeMs() + dayMs);
  expect(tls.cert).not.toBe(before);
  expect(readCertificate(tls.cert).publicKey).toBe(readCertificate(before).publicKey);
  expect(applied).toEqual([tls.cert]);
  expect(await readFile(join(directory, 'host.crt'), 'utf8')).toBe(tls.cert);
});

test('a control plane that is away is asked again a minute later', async () => {
  const before = tls.cert;
  const dueMs = halfLifeMs() + dayMs;
  let asked = 0;
  const away = () => {
    asked += 1;
    return Promise.reject(new Error('nobody there'));
  };
  await keeper.look(away, dueMs);
  await keeper.look(away, dueMs + 1000);
  expect(asked).toBe(1);
  expect(tls.cert).toBe(before);
  await keeper.look(certify('node-1'), dueMs + 61_000);
  expect(tls.cert).not.toBe(before);
});

test('a certificate for another host, another key or of another authority changes nothing', async () => {
  const before = tls.cert;
  const foreign = await createAuthority({ name: 'foreign' });
  const answers = [
    certify('node-2'),
    async () => certify('node-1')((await createCertificateRequest('node-1')).requestPem),
    (requestPem: string) => certifyHostRequest(foreign, { requestPem, host: 'node-1', addresses }),
    async () => 'no certificate',
  ];
  for (const [index, answer] of answers.entries())
    await keeper.look(answer, halfLifeMs() + dayMs + index * 120_000);
  expect(tls.cert).toBe(before);
  expect(applied).toEqual([]);
  await expect(readFile(join(directory, 'host.crt'))).rejects.toThrow('ENOENT');
});
