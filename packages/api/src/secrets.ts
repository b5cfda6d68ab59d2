import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';

const formatVersion = 1;
const ivBytes = 12;
const tagBytes = 16;

/** A key for one purpose, so that no two uses of the installation's secret can be mixed up (HKDF, RFC 5869). */
export function deriveKey(secret: string, purpose: string): Buffer {
  return deriveFrom(Buffer.from(secret, 'hex'), purpose);
}

/** The same from something else that is secret. */
export function deriveFrom(material: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', material, 'quantadb', purpose, 32));
}

/** AES-256-GCM: version (1 byte), nonce (12), tag (16), ciphertext. */
export function encrypt(plain: string, key: Buffer): Uint8Array<ArrayBuffer> {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Uint8Array.from(Buffer.concat([Buffer.from([formatVersion]), iv, cipher.getAuthTag(), body]));
}

/** @throws QuantaError CONFIG_INVALID when the secret is not the one it was encrypted with */
export function decrypt(sealed: Uint8Array, key: Buffer): string {
  const data = Buffer.from(sealed);
  try {
    if (data[0] !== formatVersion) throw new Error(`format version ${data[0]}`);
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(1, 1 + ivBytes));
    decipher.setAuthTag(data.subarray(1 + ivBytes, 1 + ivBytes + tagBytes));
    const body = data.subarray(1 + ivBytes + tagBytes);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new QuantaError('CONFIG_INVALID', 'a stored secret cannot be decrypted', {
      cause: error,
      hint: 'Start the console with the QUANTADB_SECRET that this installation was made with.',
    });
  }
}

/** A random token that says what it is, so that a leaked one can be recognised: `qdb_<purpose>_<43 characters>`. */
export function newToken(purpose: 'api' | 'enrol'): string {
  return `qdb_${purpose}_${randomBytes(32).toString('base64url')}`;
}

/** Tokens carry 256 bits of chance, so a plain hash is enough to store them. */
export function hashOf(token: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(token).digest());
}
