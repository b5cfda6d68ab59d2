import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import {
  type Authority,
  createAuthority,
  fingerprintOf,
  type IssuedCertificate,
  issueHostCertificate,
  issueOperatorCertificate,
} from './pki.ts';

/** One mutual TLS 1.3 handshake; answers the name the server saw, or the error the client got. */
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
      resolve(String(socket.getPeerCertificate().subject.CN)),
    );
    listener.once('tlsClientError', () => resolve('refused'));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { certPem: cert, keyPem: key } = client;
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certPem, cert, key });
  socket.on('error', () => undefined);
  const name = await seen;
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
  expect(await handshake(authority, server, client)).toBe('operator:ada');
  expect(await handshake(authority, server, server)).toBe('node-1');
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
  expect(certificate.ca).toBe(false);
  expect(certificate.verify(new X509Certificate(authority.certPem).publicKey)).toBe(true);
  expect(fingerprintOf(issued.certPem)).toBe(certificate.fingerprint256);
});
