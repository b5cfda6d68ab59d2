import { X509Certificate } from 'node:crypto';
import { QuantaError } from '../shared/errors.ts';

/** What a certificate says, by Node's own means: who only reads one loads nothing for it. */

export interface CertificateFacts {
  commonName: string;
  fromMs: number;
  untilMs: number;
  /** The public key as SPKI, base64. */
  publicKey: string;
}

/** @throws QuantaError PROTOCOL_VIOLATION when it cannot be read */
export function readCertificate(certPem: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(certPem);
    return {
      commonName: /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? '',
      fromMs: Date.parse(certificate.validFrom),
      untilMs: Date.parse(certificate.validTo),
      publicKey: certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    };
  } catch (error) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'a certificate cannot be read', { cause: error });
  }
}

/** It has addresses that are not among its names, as those of before level 7 have: some programs look only there (pure). */
export function lacksNames(certPem: string): boolean {
  const parts = (new X509Certificate(certPem).subjectAltName ?? '').split(', ');
  const addresses = parts.filter((part) => part.startsWith('IP Address:')).map((part) => part.slice(11));
  // One of IPv6 is shown in another way than it was written.
  return addresses.some((address) => !address.includes(':') && !parts.includes(`DNS:${address}`));
}

/** SHA-256 of a certificate, as upper-case hexadecimal pairs with colons between them. */
export function fingerprintOf(certPem: string): string {
  return new X509Certificate(certPem).fingerprint256;
}
