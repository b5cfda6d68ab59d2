import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { fingerprintOf } from './certificate.ts';
import {
  type Authority,
  certifyHostRequest,
  createAuthority,
  createCertificateRequest,
  type IssuedCertificate,
  issueHostCertificate,
  issueOperatorCertificate,
} from './pki.ts';

/** One mutual TLS handshake; answers the name and the version the server saw, or that it came to nothing. */
async function handshake(authority: Authority, server: IssuedCertificate, client: IssuedCertificate) {
  const listener = createServer({
    ca: authority.certPem,
    cert: server.certPem,
    key: server.keyPem,
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
  });
  const seen = new Promise<string>((resolve) => {
    listener.once('secureConnection', (socket: TLSSocket) =>
      resolve(`${socket.getPeerCertificate().subject.CN} over ${socket.getProtocol()}`),
    );
    listener.once('tlsClientError', () => resolve('refused'));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { certPem: cert, keyPem: key } = client;
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certPem, cert, key });
  const failed = new Promise<string>((resolve) => {
    socket.on('error', () => resolve('refused'));
  });
  const name = await Promise.race([seen, failed]);
  socket.destroy();
  listener.close();
  return name;
}

test('certificates of one authority speak to each other over TLS 1.3', async () => {
  const authority = await createAuthority({ name: 'test' });
  const server = await issueHostCertificate(authority, {
    host: 'node-1',
    addresses: ['127.0.0.1', 'db.example.com'],
  });
  const client = await issueOperatorCertificate(authority, { name: 'ada' });
  expect(await handshake(authority, server, client)).toBe('operator:ada over TLSv1.3');
  expect(await handshake(authority, server, server)).toBe('node-1 over TLSv1.3');
});

test('a certificate of another authority is refused', async () => {
  const authority = await createAuthority({ name: 'test' });
  const other = await createAuthority({ name: 'test' });
  const server = await issueHostCertificate(authority, { host: 'node-1', addresses: ['127.0.0.1'] });
  const stranger = await issueHostCertificate(other, { host: 'node-1', addresses: ['127.0.0.1'] });
  expect(await handshake(authority, server, stranger)).toBe('refused');
});

test('a host certificate names its host and addresses, and is no authority', async () => {
  const authority = await createAuthority({ name: 'test' });
  const issued = await issueHostCertificate(authority, {
    host: 'node-1',
    addresses: ['10.0.0.1', 'db.example.com'],
  });
  const certificate = new X509Certificate(issued.certPem);
  expect(certificate.subject).toBe('CN=node-1');
  expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1');
  expect(certificate.checkHost('db.example.com')).toBe('db.example.com');
  // For programs that look for an address among the names.
  expect(certificate.subjectAltName).toContain('DNS:10.0.0.1');
  expect(certificate.ca).toBe(false);
  expect(certificate.verify(new X509Certificate(authority.certPem).publicKey)).toBe(true);
  expect(fingerprintOf(issued.certPem)).toBe(certificate.fingerprint256);
});

test('an operator certificate serves nothing', async () => {
  const authority = await createAuthority({ name: 'test' });
  const operator = await issueOperatorCertificate(authority, { name: 'ada' });
  expect(await handshake(authority, operator, operator)).toBe('refused');
});

test('an authority lasts ten years, what it issues two; keys are PKCS#8 on P-256', async () => {
  const authority = await createAuthority({ name: 'test' });
  const host = await issueHostCertificate(authority, { host: 'node-1', addresses: [] });
  const yearsOf = ({ certPem }: IssuedCertificate) => {
    const { validFrom, validTo } = new X509Certificate(certPem);
    return Math.round((Date.parse(validTo) - Date.parse(validFrom)) / (365 * 24 * 3_600_000));
  };
  expect([yearsOf(authority), yearsOf(host)]).toEqual([10, 2]);
  expect(new X509Certificate(authority.certPem).ca).toBe(true);
  expect(host.keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  expect(createPrivateKey(host.keyPem).asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
});

test('a host cannot be named like an operator', async () => {
  const authority = await createAuthority({ name: 'test' });
  const { requestPem } = await createCertificateRequest('node-1');
  for (const host of ['operator:ada', 'node 1', '', '#0c0161']) {
    const refused = { code: 'CONFIG_INVALID' };
    await expect(issueHostCertificate(authority, { host, addresses: [] })).rejects.toMatchObject(refused);
    const options = { requestPem, host, addresses: [] };
    await expect(certifyHostRequest(authority, options)).rejects.toMatchObject(refused);
  }
});
