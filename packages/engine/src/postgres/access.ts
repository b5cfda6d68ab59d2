import { whyRefused } from './hba-line.ts';
import { replicationRole, superuserRole } from './layout.ts';

/**
 * Who may connect (pure): pg_hba.conf is read from the top and the first line that fits decides, so QuantaDB's own lines
 * and the refusals that protect its roles come before anything a user adds.
 */

export interface RefusedHbaLine {
  line: string;
  reason: string;
}

export interface RenderedAccess {
  hba: string;
  ident: string;
  refused: RefusedHbaLine[];
}

const ownLines = [
  `local all ${superuserRole} peer map=quantadb_local`,
  'local replication all reject',
  `hostssl replication ${replicationRole} 0.0.0.0/0 cert map=quantadb_hosts`,
  `hostssl replication ${replicationRole} ::/0 cert map=quantadb_hosts`,
  // pg_rewind reads a few files over an ordinary connection.
  `hostssl postgres ${replicationRole} 0.0.0.0/0 cert map=quantadb_hosts`,
  `hostssl postgres ${replicationRole} ::/0 cert map=quantadb_hosts`,
  'host replication all all reject',
  `local all ${replicationRole} reject`,
  `host all ${replicationRole},${superuserRole} all reject`,
];

const defaultLines = [
  'local all all scram-sha-256',
  'hostssl all all all scram-sha-256',
  'host all all 127.0.0.1/32 scram-sha-256',
  'host all all ::1/128 scram-sha-256',
];

export interface AccessInput {
  /** `ClusterState.hba`. */
  userLines: readonly string[];
  clients: 'open' | 'closed';
  /** That may replicate; null: whoever has a certificate of a host of the installation. */
  hosts: readonly string[] | null;
  /** OS users that are the superuser role over the unix socket. */
  localUsers: readonly string[];
}

export function renderAccess(input: AccessInput): RenderedAccess {
  const judged = input.userLines.map((line) => ({ line: line.trim(), reason: whyRefused(line) }));
  const accepted = judged
    .filter(({ line, reason }) => reason === null && line !== '' && !isForRouters(line))
    .map((each) => each.line);
  const clientLines =
    input.clients === 'open'
      ? [...accepted, ...defaultLines]
      : ['local all all reject', 'host all all all reject'];
  const note = '# Written by QuantaDB and overwritten at any time. Add client lines through QuantaDB.';
  const users = [...new Set(input.localUsers)].map(
    (name) => `quantadb_local ${quoteWord(name)} ${superuserRole}`,
  );
  return {
    hba: `${[note, ...ownLines, ...clientLines].join('\n')}\n`,
    ident: `${[note, ...users, ...hostLines(input.hosts)].join('\n')}\n`,
    refused: judged.flatMap(({ line, reason }) => (reason === null ? [] : [{ line, reason }])),
  };
}

/** A host's certificate names the host; an operator's (`operator:anna`) is in neither form and cannot replicate. */
function hostLines(hosts: readonly string[] | null): string[] {
  const names = hosts?.map(quoteWord) ?? ['/^[a-z][a-z0-9-]*$'];
  return names.map((name) => `quantadb_hosts ${name} ${replicationRole}`);
}

/**
 * Whether everybody who comes by the unix socket proves himself by a password, as a router does, which comes as any role. An adopted
 * server often has `local all all peer`, as Debian writes it: the router's operating system user is nobody's.
 */
export function isSocketByPassword(userLines: readonly string[]): boolean {
  const taken = userLines.filter((line) => whyRefused(line) === null).map((line) => line.trim().split(/\s+/));
  return taken.every(([type, , , method = '']) => type !== 'local' || passwordMethods.has(method));
}

/** Physical replication of others goes through a router: servers themselves let nobody replicate but hosts. */
function isForRouters(line: string): boolean {
  return line.split(/\s+/)[1] === 'replication';
}

const passwordMethods: ReadonlySet<string> = new Set(['scram-sha-256', 'md5']);

function quoteWord(word: string): string {
  return /^[A-Za-z0-9_-]+$/.test(word) ? word : `"${word.replaceAll('"', '""')}"`;
}
