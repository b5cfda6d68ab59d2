/** What PostgreSQL stores of a password (`pg_authid.rolpassword`), taken apart (pure). */

export interface ScramVerifier {
  kind: 'scram';
  iterations: number;
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

export type Verifier =
  | ScramVerifier
  /** `md5` and 32 hexadecimal digits: md5(password + role). Only in clusters that were adopted. */
  | { kind: 'md5'; hash: string }
  /** No password, or one of a kind that is not known: nobody gets in with it. */
  | { kind: 'none' };

const scramForm = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/;

export function parseVerifier(stored: string | null): Verifier {
  if (stored === null) return { kind: 'none' };
  if (/^md5[0-9a-f]{32}$/.test(stored)) return { kind: 'md5', hash: stored.slice(3) };
  const [, iterations, salt, storedKey, serverKey] = scramForm.exec(stored) ?? [];
  if (!iterations || !salt || !storedKey || !serverKey) return { kind: 'none' };
  return {
    kind: 'scram',
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}
