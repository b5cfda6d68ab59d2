import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { RouterSettings } from '../contract/router-settings.ts';
import { replicationRole } from '../postgres/layout.ts';
import type { LoggedIn } from './client/login.ts';
import { ReplicationSession } from './client/replication-session.ts';
import type { StartupOptions } from './client/startup-options.ts';
import { isClosed, whyNever, whyWaiting } from './pool/pool-resources.ts';
import { backendKeyData, type PostgresError, parameterStatus, readyForQuery } from './protocol/build.ts';
import { transactionStatus } from './protocol/codes.ts';
import type { Cancellable } from './server/cancel.ts';
import { type ConnectFailure, type HandshakeOptions, shakeHands } from './server/handshake.ts';
import type { RouterNode, RouterTopology } from './topology.ts';
import { type CrewPlace, idsOf } from './worker/crew-questions.ts';

export interface ReplicationDeskOptions {
  nowMs(): number;
  topology(): RouterTopology;
  settings(): RouterSettings;
  /** For who logs in with a password. */
  tls(): SecureContext;
  /** Shows the host's certificate. */
  hostTls(): SecureContext;
  cancel(server: Cancellable): void;
  place: CrewPlace;
}

/** As the admin console shows it. */
export interface ReplicationClient {
  session: ReplicationSession;
  secret: Buffer;
  options: StartupOptions;
  address: string;
  sinceMs: number;
}

/** Members need WAL senders too; PostgreSQL has 20 of them. */
const sessionsMax = 8;
const retryMs = 200;
/** Cancel keys of protocol 3.0 have four bytes. */
const secretBytes = { old: 4, new: 32 };

/** Clients that replicate: each has a connection to the primary of its own, for as long as both last. */
export class ReplicationDesk {
  private readonly options: ReplicationDeskOptions;
  private readonly sessions = new Map<number, ReplicationClient>();

  constructor(options: ReplicationDeskOptions) {
    this.options = options;
  }

  get count(): number {
    return this.sessions.size;
  }

  list(): [id: number, client: ReplicationClient][] {
    return [...this.sessions];
  }

  open(login: LoggedIn): void {
    const { wire, rest, minorVersion } = login;
    const id = this.newId();
    const secret = randomBytes(minorVersion >= 2 ? secretBytes.new : secretBytes.old);
    const session = new ReplicationSession({ wire, rest, ended: () => this.sessions.delete(id) });
    const refusal = this.whyRefused(login);
    const sinceMs = this.options.nowMs();
    this.sessions.set(id, { session, secret, options: login.options, sinceMs, address: wire.remoteAddress });
    if (refusal) session.refuse(refusal);
    else void this.connect(session, login, backendKeyData(id, secret));
  }

  /** @returns whether it is a session's here */
  cancel(id: number, secret: Buffer): boolean {
    const found = this.sessions.get(id);
    if (!found || found.secret.length !== secret.length || !timingSafeEqual(found.secret, secret))
      return false;
    const { session } = found;
    if (session.node !== null)
      this.options.cancel({ ...session, node: session.node, cancelEnded: () => undefined });
    return true;
  }

  /** WAL of a primary that is none any more is nobody's: its clients ask again, and get to the next one. */
  topologyChanged(): void {
    const { primary } = this.options.topology();
    if (primary === null) return;
    for (const { session } of [...this.sessions.values()])
      if (session.node !== null && session.node !== primary) session.end();
  }

  closeAll(): void {
    for (const { session } of [...this.sessions.values()]) session.end();
  }

  private whyRefused({ options, account }: LoggedIn): PostgresError | null {
    if (!account.canReplicate)
      return fatal('42501', 'must be superuser or replication role to start walsender');
    const { nodes } = this.options.topology();
    const name = (options.settings.get('application_name') ?? '').toLowerCase();
    // A commit would take what it confirms for the confirmation of that member.
    if (nodes.some((node) => node.name.toLowerCase() === name))
      return fatal(
        '42501',
        `application_name "${name}" is that of a member of the cluster: take another one`,
      );
    const ownMax = Math.max(1, Math.floor(sessionsMax / this.options.place.count));
    if (this.sessions.size >= ownMax)
      return fatal('53300', `${ownMax} clients replicate through this router already`);
    const never = whyNever(this.options.topology());
    return never === null ? null : fatal('25006', never);
  }

  private async connect(session: ReplicationSession, login: LoggedIn, key: Buffer): Promise<void> {
    const { nowMs, settings } = this.options;
    const endMs = nowMs() + settings().queueTimeoutMs;
    let reason = 'the cluster has no primary at the moment';
    while (!session.isOver && nowMs() < endMs) {
      const topology = this.options.topology();
      const node = topology.nodes.find(({ name }) => name === topology.primary);
      const waiting = whyWaiting(topology);
      if (node && waiting === null) {
        const outcome = await shakeHands(this.handshakeOf(node, login));
        if (outcome.ok) {
          session.begin(node.name, outcome.greeting, helloOf(outcome.greeting.parameters, key));
          // It may have become somebody else meanwhile.
          this.topologyChanged();
          return;
        }
        const { failure } = outcome;
        if (failure.kind === 'refused' && !isAboutToServe(failure)) {
          session.refuse(failure.raw);
          return;
        }
        reason = failure.detail;
      } else reason = waiting ?? reason;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    session.refuse(
      fatal('57P03', `no connection for replication within ${settings().queueTimeoutMs} ms: ${reason}`),
    );
  }

  /**
   * Logical replication runs SQL and is done in the client's own name. Physical replication is the same whoever does it, and
   * servers take it from hosts alone: the router has checked that the role may, and connects as what it is.
   */
  private handshakeOf(node: RouterNode, { options, credential }: LoggedIn): HandshakeOptions {
    const { settings, tls, hostTls } = this.options;
    const common = { timeoutMs: settings().connectTimeoutMs };
    const parameters = (kind: string): [string, string][] => [['replication', kind], ...options.settings];
    const { user, database } = options;
    if (options.replication === 'database')
      return {
        ...common,
        address: node,
        user,
        database,
        credential,
        tls: tls(),
        parameters: parameters('database'),
      };
    return {
      ...{ ...common, tls: hostTls(), parameters: parameters('true') },
      ...{ address: { ...node, socketDirectory: null, needsTls: true }, credential: { kind: 'none' } },
      ...{ user: replicationRole, database: 'replication' },
    };
  }

  private newId(): number {
    for (;;) {
      // Apart from those of sessions, which count up from one.
      const { first, count } = idsOf(this.options.place);
      const id = 0x40000000 + first + randomInt(count);
      if (!this.sessions.has(id)) return id;
    }
  }
}

function helloOf(parameters: ReadonlyMap<string, string>, key: Buffer): Buffer {
  const told = [...parameters].map(([name, value]) => parameterStatus(name, value));
  return Buffer.concat([...told, key, readyForQuery(transactionStatus.idle)]);
}

/** Starting up, shutting down, or closed for the moment. */
function isAboutToServe(refusal: Extract<ConnectFailure, { kind: 'refused' }>): boolean {
  return refusal.sqlState.startsWith('57P') || isClosed(refusal);
}

function fatal(sqlState: string, message: string): PostgresError {
  return { severity: 'FATAL', sqlState, message };
}
