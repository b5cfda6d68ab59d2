import { createVerify, X509Certificate } from 'node:crypto';
import type { LinkHello } from '@quantadb/engine/contract/link';
import { QuantaError } from '@quantadb/engine/shared/errors';

/**
 * Checks that a certificate is of our authority, in force, and that its owner signed our nonce (pure but for crypto).
 *
 * @returns the host's name and the certificate's fingerprint
 * @throws QuantaError UNAUTHORIZED
 */
export function proveHost(
  hello: LinkHello,
  expected: { nonce: string; authorityPem: string; nowMs: number },
): { name: string; fingerprint: string } {
  const certificate = parse(hello.certificate);
  const authority = new X509Certificate(expected.authorityPem);
  const isOurs = certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  if (!isOurs) throw new QuantaError('UNAUTHORIZED', 'the certificate is of another authority');
  const isInForce =
    Date.parse(certificate.validFrom) <= expected.nowMs && expected.nowMs < Date.parse(certificate.validTo);
  if (!isInForce) throw new QuantaError('UNAUTHORIZED', 'the certificate is not in force now');
  const verifier = createVerify('sha256').update(`quantadb link ${expected.nonce}`);
  if (!verifier.verify(certificate.publicKey, hello.signature, 'base64')) {
    throw new QuantaError('UNAUTHORIZED', 'the nonce is not signed with the key of the certificate');
  }
  const name = /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? '';
  return { name, fingerprint: certificate.fingerprint256 };
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new QuantaError('UNAUTHORIZED', 'the certificate cannot be read', { cause: error });
  }
}
