import { createHash } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import { decrypt, deriveKey, encrypt, hashOf } from '../secrets.ts';

export interface KeptAnswer {
  status: number;
  body: string;
}

export interface KeyedRequest {
  /** Keys of one caller say nothing of another's. */
  caller: string;
  key: string;
  method: string;
  path: string;
  body: Buffer;
}

export const keyPattern = /^[\x21-\x7e]{8,200}$/;
const keptMs = 24 * 3_600_000;
const keysOfOneCallerMax = 1000;
const answerBytesMax = 1024 * 1024;

/**
 * Answers of requests that carry an `Idempotency-Key`, for a day: whoever repeats one after a lost connection gets the first answer,
 * and nothing happens twice. An answer may contain a secret that is told once, so it is encrypted with a key that also
 * takes the client's own to derive, of which only a hash is kept.
 */
export class Idempotency {
  private readonly prisma: PrismaClient;
  private readonly secrets: { secret: string; previousSecret: string | null };

  constructor(prisma: PrismaClient, secrets: { secret: string; previousSecret: string | null }) {
    this.prisma = prisma;
    this.secrets = secrets;
  }

  /**
   * @returns the first answer when there is one, null when this is the first request
   * @throws QuantaError INPUT_INVALID, REFUSED, RATE_LIMITED
   */
  async begin(request: KeyedRequest): Promise<KeptAnswer | null> {
    const { caller, key } = request;
    if (!keyPattern.test(key)) {
      throw new QuantaError('INPUT_INVALID', 'an Idempotency-Key has 8 to 200 printable characters', {
        hint: 'Use a random UUID.',
      });
    }
    const where = { caller, createdAt: { lt: new Date(Date.now() - keptMs) } };
    await this.prisma.idempotencyKey.deleteMany({ where });
    if ((await this.prisma.idempotencyKey.count({ where: { caller } })) >= keysOfOneCallerMax) {
      throw new QuantaError('RATE_LIMITED', `${keysOfOneCallerMax} keys are kept of one caller, for a day`, {
        hint: 'Send requests that may happen twice without a key.',
      });
    }
    const data = { caller, keyHash: hashOf(key), requestHash: requestHashOf(request) };
    const { count } = await this.prisma.idempotencyKey.createMany({ data, skipDuplicates: true });
    return count === 1 ? null : this.first(request);
  }

  /** Keeps the answer of the first request. */
  async finish({ caller, key }: KeyedRequest, { status, body }: KeptAnswer): Promise<void> {
    const isTooLarge = Buffer.byteLength(body) > answerBytesMax;
    await this.prisma.idempotencyKey.update({
      where: { caller_keyHash: { caller, keyHash: hashOf(key) } },
      data: { status, answer: isTooLarge ? null : encrypt(body, this.keyFor(key)) },
    });
  }

  /** @returns how many were dropped */
  async expire(nowMs: number): Promise<number> {
    const where = { createdAt: { lt: new Date(nowMs - keptMs) } };
    return (await this.prisma.idempotencyKey.deleteMany({ where })).count;
  }

  private async first(request: KeyedRequest): Promise<KeptAnswer> {
    const { caller, key } = request;
    const where = { caller_keyHash: { caller, keyHash: hashOf(key) } };
    const row = await this.prisma.idempotencyKey.findUnique({ where });
    if (row && !Buffer.from(row.requestHash).equals(requestHashOf(request))) {
      throw new QuantaError('REFUSED', 'this Idempotency-Key belongs to another request', {
        hint: 'Use a new key for every request that is not a repetition.',
      });
    }
    if (row && row.status !== null && row.answer !== null) {
      return { status: row.status, body: this.open(row.answer, key) };
    }
    throw new QuantaError('REFUSED', 'the answer of the first request with this key is not known', {
      hint: 'It is under way, or its console ended meanwhile: look at what has happened before you ask anew with another key.',
    });
  }

  /** It may be from before the secret was changed. */
  private open(answer: Uint8Array, key: string): string {
    const { previousSecret } = this.secrets;
    try {
      return decrypt(answer, this.keyFor(key));
    } catch (error) {
      if (previousSecret === null) throw error;
      return decrypt(answer, this.keyFor(key, previousSecret));
    }
  }

  private keyFor(key: string, secret = this.secrets.secret): Buffer {
    return deriveKey(secret, `idempotency ${key}`);
  }
}

function requestHashOf({ method, path, body }: KeyedRequest): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(`${method} ${path}\n`).update(body).digest());
}
