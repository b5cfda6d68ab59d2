import { createHmac } from 'node:crypto';

const tokenBytes = 18;

/**
 * What proves that whoever makes the first administrator may look into the console's settings or its log. It follows from the
 * secret of the installation, so every console knows the same one, and none is stored; it is good until there is an administrator.
 */
export function setupTokenOf(secret: string): string {
  return createHmac('sha256', secret)
    .update('quantadb set-up')
    .digest()
    .subarray(0, tokenBytes)
    .toString('base64url');
}
