import { whyRefused } from '../../postgres/hba-line.ts';
import { replicationRole, superuserRole } from '../../postgres/layout.ts';

/**
 * Who may log in from where (pure), by the same lines as PostgreSQL's own pg_hba.conf: behind the router every client has
 * the router's address, so what a line says about addresses can only be held here.
 */
export interface LoginAttempt {
  isTls: boolean;
  user: string;
  database: string;
  /** Of the client. */
  address: string;
  /** Roles the user is a member of, itself among them. */
  groups: readonly string[];
  /** Physical replication, which is about no database. */
  isReplication: boolean;
  /** The common name of the certificate that it has shown and that our authority has issued; null: none. */
  certificate: string | null;
}

export type LoginRule =
  | { allowed: true; method: 'scram-sha-256' | 'md5' }
  | { allowed: false; reason: string };

const defaultLines = [
  'hostssl all all all scram-sha-256',
  'host all all 127.0.0.1/32 scram-sha-256',
  'host all all ::1/128 scram-sha-256',
];

export function judgeLogin(userLines: readonly string[], attempt: LoginAttempt): LoginRule {
  if (attempt.user === superuserRole || attempt.user === replicationRole)
    return refused(attempt, 'that role is QuantaDB’s own');
  const lines = [...userLines.filter((line) => whyRefused(line) === null), ...defaultLines];
  for (const line of lines) {
    const words = line.trim().split(/\s+/);
    const [type = '', databases = '', users = '', address = '', method = '', ...options] = words;
    if (type === '' || type.startsWith('#') || type === 'local') continue;
    if ((type === 'hostssl' && !attempt.isTls) || (type === 'hostnossl' && attempt.isTls)) continue;
    if (
      !fitsDatabase(databases, attempt) ||
      !fitsUser(users, attempt) ||
      !fitsAddress(address, attempt.address)
    )
      continue;
    if (method === 'reject') return refused(attempt, 'pg_hba.conf rejects it');
    const missing = whyNotProven(method, options, attempt);
    if (missing !== null) return refused(attempt, missing);
    return { allowed: true, method: method === 'md5' ? 'md5' : 'scram-sha-256' };
  }
  return refused(
    attempt,
    attempt.isReplication
      ? 'physical replication takes a line for it, such as: hostssl replication backup 10.0.0.0/8 scram-sha-256'
      : 'no line of pg_hba.conf fits',
  );
}

/** Beside the password a line may ask for a certificate (PostgreSQL: clientcert). */
function whyNotProven(
  method: string,
  options: readonly string[],
  { user, certificate }: LoginAttempt,
): string | null {
  if (method === 'cert')
    return `a certificate alone lets no router log in at a server as "${user}": connect to the primary, or have the line say scram-sha-256 clientcert=verify-full`;
  if (options.includes('clientname=DN')) return 'names of certificates are compared by their CN only here';
  const isFull = options.includes('clientcert=verify-full');
  if (!isFull && !options.includes('clientcert=verify-ca')) return null;
  if (certificate === null) return 'connection requires a valid client certificate';
  return isFull && certificate !== user ? `the client certificate is that of "${certificate}"` : null;
}

function refused({ user, database, address, isTls, isReplication }: LoginAttempt, why: string): LoginRule {
  const encryption = isTls ? 'SSL encryption' : 'no encryption';
  const target = isReplication ? 'replication connection' : `database "${database}"`;
  const reason = `no pg_hba.conf entry for host "${address}", user "${user}", ${target}, ${encryption} (${why})`;
  return { allowed: false, reason };
}

function fitsDatabase(words: string, { database, user, groups, isReplication }: LoginAttempt): boolean {
  return words.split(',').some((word) => {
    // That word stands for physical replication alone, and nothing else does.
    if (isReplication || word === 'replication') return isReplication && word === 'replication';
    if (word === 'all' || word === database) return true;
    if (word === 'sameuser') return database === user;
    return (word === 'samerole' || word === 'samegroup') && groups.includes(database);
  });
}

function fitsUser(words: string, { user, groups }: LoginAttempt): boolean {
  return words
    .split(',')
    .some(
      (word) => word === 'all' || word === user || (word.startsWith('+') && groups.includes(word.slice(1))),
    );
}

/** Names of hosts fit nobody: who may be behind a name is for a server to find out. */
function fitsAddress(rule: string, address: string): boolean {
  if (rule === 'all') return true;
  const client = bitsOf(address.replace(/^::ffff:(?=\d+\.)/, ''));
  if (client === null) return false;
  if (rule === 'samehost') return client.startsWith('01111111') || client === bitsOf('::1');
  const [network = '', length = ''] = rule.split('/');
  const bits = bitsOf(network);
  if (bits === null || bits.length !== client.length || length === '') return false;
  return client.startsWith(bits.slice(0, Number(length)));
}

/** An address as a text of zeros and ones; null for what is none. */
function bitsOf(address: string): string | null {
  const parts = address.split('.');
  if (parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part)))
    return parts.map((part) => Number(part).toString(2).padStart(8, '0')).join('');
  if (!/^[0-9a-f:]+$/i.test(address) || !address.includes(':')) return null;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - before.length - after.length;
  if (missing < 0 || (tail === undefined && missing > 0)) return null;
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}
