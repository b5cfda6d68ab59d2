import { randomBytes } from 'node:crypto';
import { authentication, authenticationCode } from '../protocol/build.ts';
import type { ServerCredential } from '../server/handshake.ts';
import type { Account } from './account.ts';
import { isMd5Answer } from './md5.ts';
import { mockVerifier, ScramServer, scramMechanism, scramPlusMechanism } from './scram.ts';

export type AuthenticationStep =
  | { kind: 'continue'; reply: Buffer }
  | { kind: 'done'; reply: Buffer | null; credential: ServerCredential }
  | { kind: 'failed'; sqlState: string; message: string };

export interface AuthenticatorOptions {
  user: string;
  account: Account | null;
  /** On TLS connections: what channel binding binds to. */
  channelBinding: Buffer | null;
  /** Of this process: what mock verifiers are made of. */
  mockSecret: Buffer;
  nowMs: number;
}

/** Lets one client prove who it is, message by message. */
export class Authenticator {
  private readonly options: AuthenticatorOptions;
  private readonly md5Salt = randomBytes(4);
  private scram: ScramServer | null = null;

  constructor(options: AuthenticatorOptions) {
    this.options = options;
  }

  /** What to ask of the client. A role that does not exist is asked like any other. */
  begin(): Buffer {
    if (this.options.account?.verifier.kind === 'md5')
      return authentication(authenticationCode.md5, this.md5Salt);
    const plus = this.options.channelBinding === null ? '' : `${scramPlusMechanism}\0`;
    return authentication(authenticationCode.sasl, Buffer.from(`${plus}${scramMechanism}\0\0`));
  }

  /** @param body of the client's password message */
  next(body: Buffer): AuthenticationStep {
    const { account } = this.options;
    if (account?.verifier.kind === 'md5') {
      const { hash } = account.verifier;
      const answer = body.subarray(0, -1).toString('latin1');
      if (!isMd5Answer(answer, hash, this.md5Salt)) return this.failed();
      return this.done(null, { kind: 'md5', hash });
    }
    return this.scram ? this.finish(body.toString()) : this.start(body);
  }

  private start(body: Buffer): AuthenticationStep {
    const nameEnd = body.indexOf(0);
    if (nameEnd < 0 || body.length < nameEnd + 5) return protocolError('malformed SASL message');
    const mechanism = body.toString('latin1', 0, nameEnd);
    const { account, channelBinding, user, mockSecret } = this.options;
    const isPlus = mechanism === scramPlusMechanism && channelBinding !== null;
    if (mechanism !== scramMechanism && !isPlus)
      return protocolError('client selected an invalid SASL authentication mechanism');
    const verifier = account?.verifier.kind === 'scram' ? account.verifier : mockVerifier(user, mockSecret);
    const scram = new ScramServer({
      verifier,
      mechanism: isPlus ? scramPlusMechanism : scramMechanism,
      channelBinding,
      nonce: randomBytes(18).toString('base64'),
    });
    const first = scram.first(body.toString('utf8', nameEnd + 5));
    if (!first.ok)
      return first.reason === 'malformed' ? protocolError('malformed SCRAM message') : this.failed();
    this.scram = scram;
    return {
      kind: 'continue',
      reply: authentication(authenticationCode.saslContinue, Buffer.from(first.serverFirst)),
    };
  }

  private finish(text: string): AuthenticationStep {
    const outcome = this.scram?.final(text);
    const verifier = this.options.account?.verifier;
    if (!outcome?.ok || verifier?.kind !== 'scram') return this.failed();
    const { clientKey, serverFinal } = outcome;
    const { storedKey, serverKey } = verifier;
    const reply = authentication(authenticationCode.saslFinal, Buffer.from(serverFinal));
    return this.done(reply, { kind: 'scram', keys: { clientKey, storedKey, serverKey } });
  }

  private done(reply: Buffer | null, credential: ServerCredential): AuthenticationStep {
    const { account, user, nowMs } = this.options;
    const isExpired = account?.validUntilMs != null && account.validUntilMs <= nowMs;
    if (isExpired) return this.failed();
    if (!account?.canLogin)
      return { kind: 'failed', sqlState: '28000', message: `role "${user}" is not permitted to log in` };
    return { kind: 'done', reply, credential };
  }

  private failed(): AuthenticationStep {
    const message = `password authentication failed for user "${this.options.user}"`;
    return { kind: 'failed', sqlState: '28P01', message };
  }
}

function protocolError(message: string): AuthenticationStep {
  return { kind: 'failed', sqlState: '08P01', message };
}
