import { createHash, X509Certificate } from 'node:crypto';

/** Object identifiers of signature algorithms, as they stand in the certificate, by the hash they use. */
const signatures: [hash: string, identifier: string][] = [
  ['sha384', '2a8648ce3d040303'],
  ['sha512', '2a8648ce3d040304'],
  ['sha384', '2a864886f70d01010c'],
  ['sha512', '2a864886f70d01010d'],
];

/**
 * The data of `tls-server-end-point` (RFC 5929 §4.1) for the first certificate of `pem`: its hash by the function its
 * signature uses, SHA-256 for those of MD5 and SHA-1.
 */
export function channelBindingOf(pem: string): Buffer {
  const { raw } = new X509Certificate(pem);
  const text = raw.toString('hex');
  // The signature's own algorithm is named last.
  const [hash = 'sha256'] =
    signatures.findLast(([, identifier]) => {
      const tail = text.lastIndexOf(identifier);
      return tail > text.length / 2;
    }) ?? [];
  return createHash(hash).update(raw).digest();
}
