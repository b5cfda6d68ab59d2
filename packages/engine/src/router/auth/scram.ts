import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ScramVerifier } from './verifier.ts';

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) in both roles, without I/O. The server's role needs only the stored verifier, and a
 * client that proves itself thereby shows its ClientKey: with that the router is a client of PostgreSQL in its name,
 * though it never learns the password. All nodes hold the same verifier, because replication is physical.
 */

export const scramMechanism = 'SCRAM-SHA-256';
export const scramPlusMechanism = 'SCRAM-SHA-256-PLUS';

export type ScramFailure =
  | 'malformed'
  | 'wrong_nonce'
  | 'wrong_channel_binding'
  /** The client could bind to the channel, and was told by somebody in between that the server cannot. */
  | 'downgrade'
  | 'wrong_proof';

export interface ScramServerOptions {
  verifier: ScramVerifier;
  mechanism: typeof scramMechanism | typeof scramPlusMechanism;
  /** Hash of our certificate on TLS connections (`tls-server-end-point`); null without TLS. */
  channelBinding: Buffer | null;
  /** Of printable characters without commas, new for every attempt. */
  nonce: string;
}

export class ScramServer {
  private readonly options: ScramServerOptions;
  private clientFirstBare = '';
  private gs2Header = '';
  private serverFirst = '';
  private fullNonce = '';

  constructor(options: ScramServerOptions) {
    this.options = options;
  }

  first(clientFirst: string): { ok: true; serverFirst: string } | { ok: false; reason: ScramFailure } {
    const parts = /^((p=[a-z-]+|n|y),(?:a=[^,]*)?,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]{1,256}))(?:,.*)?$/s.exec(
      clientFirst,
    );
    const [, header = '', binding = '', bare = '', nonce = ''] = parts ?? [];
    if (!parts) return { ok: false, reason: 'malformed' };
    const refusal = this.judgeBinding(binding);
    if (refusal) return { ok: false, reason: refusal };
    const { verifier } = this.options;
    this.gs2Header = header;
    this.clientFirstBare = bare;
    this.fullNonce = `${nonce}${this.options.nonce}`;
    const salt = verifier.salt.toString('base64');
    this.serverFirst = `r=${this.fullNonce},s=${salt},i=${verifier.iterations}`;
    return { ok: true, serverFirst: this.serverFirst };
  }

  final(
    clientFinal: string,
  ): { ok: true; serverFinal: string; clientKey: Buffer } | { ok: false; reason: ScramFailure } {
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] =
      /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(clientFinal) ?? [];
    if (withoutProof === '') return { ok: false, reason: 'malformed' };
    if (nonce !== this.fullNonce) return { ok: false, reason: 'wrong_nonce' };
    if (binding !== this.expectedBinding()) return { ok: false, reason: 'wrong_channel_binding' };
    const { storedKey, serverKey } = this.options.verifier;
    const proof = Buffer.from(proofText, 'base64');
    if (proof.length !== storedKey.length) return { ok: false, reason: 'malformed' };
    const authMessage = `${this.clientFirstBare},${this.serverFirst},${withoutProof}`;
    const clientKey = xor(proof, hmac(storedKey, authMessage));
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return { ok: false, reason: 'wrong_proof' };
    const signature = hmac(serverKey, authMessage).toString('base64');
    return { ok: true, serverFinal: `v=${signature}`, clientKey };
  }

  private judgeBinding(binding: string): ScramFailure | null {
    const { mechanism, channelBinding } = this.options;
    if (mechanism === scramPlusMechanism)
      return binding === 'p=tls-server-end-point' && channelBinding !== null ? null : 'wrong_channel_binding';
    if (binding.startsWith('p=')) return 'wrong_channel_binding';
    return binding === 'y' && channelBinding !== null ? 'downgrade' : null;
  }

  private expectedBinding(): string {
    const { mechanism, channelBinding } = this.options;
    const data = mechanism === scramPlusMechanism && channelBinding ? channelBinding : Buffer.alloc(0);
    return Buffer.concat([Buffer.from(this.gs2Header), data]).toString('base64');
  }
}

/** What takes the place of a password towards PostgreSQL. */
export interface ScramKeys {
  clientKey: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

export class ScramClient {
  private readonly keys: ScramKeys;
  private readonly nonce: string;
  private authMessage = '';

  constructor(keys: ScramKeys, nonce: string) {
    this.keys = keys;
    this.nonce = nonce;
  }

  /** PostgreSQL takes the role's name from the startup packet. */
  first(): string {
    return `n,,n=,r=${this.nonce}`;
  }

  /** @returns null when the server's message is not to be answered */
  final(serverFirst: string): string | null {
    const [, nonce = ''] = /^r=([^,]+),s=[A-Za-z0-9+/=]+,i=\d+$/.exec(serverFirst) ?? [];
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) return null;
    const withoutProof = `c=biws,r=${nonce}`;
    this.authMessage = `n=,r=${this.nonce},${serverFirst},${withoutProof}`;
    const proof = xor(this.keys.clientKey, hmac(this.keys.storedKey, this.authMessage));
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Whether the server has proven that it knows the verifier too. */
  verify(serverFinal: string): boolean {
    const [, signature = ''] = /^v=([A-Za-z0-9+/=]+)/.exec(serverFinal) ?? [];
    const given = Buffer.from(signature, 'base64');
    const expected = hmac(this.keys.serverKey, this.authMessage);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

/**
 * A verifier for a role that does not exist, always the same for the same name, so that nobody learns from the exchange
 * which roles there are (PostgreSQL does the same: "mock authentication").
 */
export function mockVerifier(role: string, secret: Buffer): ScramVerifier {
  const of = (purpose: string) => hmac(secret, `${purpose}:${role}`);
  return {
    kind: 'scram',
    iterations: 4096,
    salt: of('salt').subarray(0, 16),
    storedKey: of('stored key'),
    serverKey: of('server key'),
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
