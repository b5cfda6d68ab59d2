// The certificate library registers its parts by metadata and wants this before it is loaded.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { nodeNameSchema } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';

/** A certificate and its key, both PEM (the key as PKCS#8). */
export interface IssuedCertificate {
  certPem: string;
  keyPem: string;
}
export type Authority = IssuedCertificate;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const yearMs = 365 * 24 * 3_600_000;
const authorityYears = 10;
const certificateYears = 2;
/** Clocks of hosts differ; a certificate is not refused because its issuer was a little ahead. */
const backdateMs = 3_600_000;

/** The installation's one authority: everything that speaks to a peer has a certificate of it. */
export async function createAuthority(options: { name: string }): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ CN: [options.name] }],
    keys,
    signingAlgorithm: keyAlgorithm,
    ...validity(authorityYears),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: certificate.toString('pem'), keyPem: await keyToPem(keys.privateKey) };
}

/**
 * A host is known by its name (CN); the addresses are what PostgreSQL's clients may have dialled.
 *
 * @throws QuantaError CONFIG_INVALID when the name is not one that a host can have
 */
export async function issueHostCertificate(
  authority: Authority,
  options: { host: string; addresses: string[] },
): Promise<IssuedCertificate> {
  const keys = await generateKeys();
  const certPem = await certify(authority, hostSubject(options, keys.publicKey));
  return { certPem, keyPem: await keyToPem(keys.privateKey) };
}

/**
 * Certifies a key that stays on the host. What the request says of its subject is ignored: the caller knows who asks.
 *
 * @throws QuantaError PROTOCOL_VIOLATION when the request cannot be read or is not signed with its own key,
 * CONFIG_INVALID when the name is not one that a host can have
 */
export async function certifyHostRequest(
  authority: Authority,
  options: { requestPem: string; host: string; addresses: string[] },
): Promise<string> {
  return certify(authority, hostSubject(options, await requestedKey(options.requestPem)));
}

/**
 * The same for a person or a script.
 *
 * @throws QuantaError PROTOCOL_VIOLATION
 */
export async function certifyOperatorRequest(
  authority: Authority,
  options: { requestPem: string; name: string },
): Promise<string> {
  return certify(authority, operatorSubject(options.name, await requestedKey(options.requestPem)));
}

async function requestedKey(requestPem: string): Promise<webcrypto.CryptoKey> {
  const request = parseRequest(requestPem);
  if (!(await request.verify())) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'the certificate request is not signed with its own key');
  }
  return (await request.publicKey.export(keyAlgorithm, ['verify'])) as unknown as webcrypto.CryptoKey;
}

function parseRequest(pem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(pem);
  } catch (error) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'the certificate request cannot be read', { cause: error });
  }
}

/** For a person or a script that may change clusters. */
export async function issueOperatorCertificate(
  authority: Authority,
  options: { name: string },
): Promise<IssuedCertificate> {
  const keys = await generateKeys();
  const certPem = await certify(authority, operatorSubject(options.name, keys.publicKey));
  return { certPem, keyPem: await keyToPem(keys.privateKey) };
}

interface Subject {
  commonName: string;
  publicKey: webcrypto.CryptoKey;
  usages: x509.ExtendedKeyUsage[];
  extensions: x509.Extension[];
}

function hostSubject(
  options: { host: string; addresses: string[] },
  publicKey: webcrypto.CryptoKey,
): Subject {
  // A host that was called `operator:<name>` would have an operator's rights.
  if (!nodeNameSchema.safeParse(options.host).success) {
    throw new QuantaError('CONFIG_INVALID', `${JSON.stringify(options.host)} is no name of a host`, {
      hint: 'Use lower-case letters, digits and dashes, starting with a letter; 40 characters at most.',
    });
  }
  const names = [...new Set([options.host, ...options.addresses])];
  const alternatives = names.flatMap((name): x509.JsonGeneralName[] => {
    const asName: x509.JsonGeneralName = { type: 'dns', value: name };
    // pgBackRest 2.45 looks for an address that it has dialled among the names only.
    return isIP(name) === 0 ? [asName] : [{ type: 'ip', value: name }, asName];
  });
  return {
    commonName: options.host,
    publicKey,
    usages: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
    extensions: [new x509.SubjectAlternativeNameExtension(alternatives)],
  };
}

function operatorSubject(name: string, publicKey: webcrypto.CryptoKey): Subject {
  return {
    commonName: `operator:${name}`,
    publicKey,
    usages: [x509.ExtendedKeyUsage.clientAuth],
    extensions: [],
  };
}

async function certify(authority: Authority, subject: Subject): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: [{ CN: [subject.commonName] }],
    issuer: issuer.subject,
    publicKey: subject.publicKey,
    signingKey: await keyFromPem(authority.keyPem),
    signingAlgorithm: keyAlgorithm,
    ...validity(certificateYears),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(subject.usages),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...subject.extensions,
    ],
  });
  return certificate.toString('pem');
}

function validity(years: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - backdateMs), notAfter: new Date(nowMs + years * yearMs) };
}

function newSerialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  // RFC 5280 §4.1.2.2: positive.
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return Buffer.from(bytes).toString('hex');
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(keyAlgorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
}

async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function keyFromPem(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  return (await webcrypto.subtle.importKey('pkcs8', der as ArrayBuffer, keyAlgorithm, false, [
    'sign',
  ])) as webcrypto.CryptoKey;
}

/** Another certificate for the key that a host has: whoever knows it by its key goes on to do so. */
export async function renewalRequest(host: string, keyPem: string): Promise<string> {
  const privateKey = createPrivateKey(keyPem);
  const publicDer = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const keys = {
    privateKey: await keyFromPem(keyPem),
    publicKey: (await webcrypto.subtle.importKey('spki', publicDer, keyAlgorithm, true, [
      'verify',
    ])) as webcrypto.CryptoKey,
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [host] }],
    keys,
    signingAlgorithm: keyAlgorithm,
  });
  return request.toString('pem');
}

/** A new key and the request to certify it; the key stays where it was made. */
export async function createCertificateRequest(
  host: string,
): Promise<{ requestPem: string; keyPem: string }> {
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [host] }],
    keys,
    signingAlgorithm: keyAlgorithm,
  });
  return { requestPem: request.toString('pem'), keyPem: await keyToPem(keys.privateKey) };
}
