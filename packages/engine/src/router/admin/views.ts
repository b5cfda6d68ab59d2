import type { ReadSplit } from '../../contract/read-split.ts';
import { releaseVersion } from '../../shared/version.ts';
import type { ClientSession } from '../client/session.ts';
import type { Counters } from '../counters.ts';
import type { Groups } from '../pool/groups.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ReplicationClient } from '../replication-desk.ts';
import type { RouterTopology } from '../topology.ts';
import type { ShowSubject } from './commands.ts';

export interface Table {
  columns: string[];
  rows: (string | null)[][];
}

export interface ViewInput {
  groups: Groups;
  sessions: Iterable<ClientSession>;
  replication: [id: number, client: ReplicationClient][];
  counters: Counters;
  topology: RouterTopology;
  nowMs: number;
  readiness(node: string): number;
}

/** What SHOW shows: every number of this router, as it is now. */
export function view(what: ShowSubject, input: ViewInput): Table {
  return views[what](input);
}

const views: Record<ShowSubject, (input: ViewInput) => Table> = {
  pools: ({ groups }) => ({
    columns: [
      'database',
      'user',
      'server',
      'active',
      'shared',
      'idle',
      'opening',
      'waiting',
      'oldest_wait_ms',
    ],
    rows: groups
      .list()
      .flatMap((group) =>
        group.poolList.map((pool) => [
          ...[group.database, group.user, pool.node],
          ...[pool.all.size - pool.idleCount - pool.shared.size, pool.shared.size, pool.idleCount].map(
            String,
          ),
          ...[pool.opening, group.waitingCount, Math.round(group.oldestWaitMs())].map(String),
        ]),
      ),
  }),
  clients: ({ sessions, replication, nowMs }) => ({
    columns: [
      'id',
      'user',
      'database',
      'address',
      'application',
      'state',
      'server',
      'pinned',
      'split',
      'age_s',
      'transactions',
    ],
    rows: [
      ...[...sessions].map((session) => [
        ...[String(session.id), session.context.group.user, session.context.group.database],
        ...[session.wire.remoteAddress, session.applicationName, stateOf(session)],
        ...[session.server?.node ?? null, session.pin, splitText(session.context.split())],
        ...[Math.round((nowMs - session.connectedAtMs) / 1000), session.transactions].map(String),
      ]),
      ...replication.map(([id, { session, options, address, sinceMs }]) => [
        ...[String(id), options.user, options.replication === 'physical' ? null : options.database, address],
        ...[
          options.applicationName,
          session.node === null ? 'waiting' : 'active',
          session.node,
          'replication',
          null,
        ],
        ...[String(Math.round((nowMs - sinceMs) / 1000)), '0'],
      ]),
    ],
  }),
  servers: ({ groups, nowMs }) => ({
    columns: ['server', 'database', 'user', 'pid', 'state', 'waiting', 'age_s', 'idle_s', 'prepared'],
    rows: groups
      .list()
      .flatMap((group) =>
        group.poolList.flatMap((pool) =>
          [...pool.all].map((server) => [
            ...[server.node, group.database, group.user, String(server.processId)],
            server.line.length > 0 ? 'shared' : server.currentUser ? 'active' : 'idle',
            String(server.line.length || server.outstanding),
            ...[(nowMs - server.openedAtMs) / 1000, (nowMs - server.usedAtMs) / 1000].map((s) =>
              String(Math.round(s)),
            ),
            String(server.statements.size),
          ]),
        ),
      ),
  }),
  stats: ({ counters }) => ({
    columns: ['name', 'value'],
    rows: Object.entries(counters).map(([name, value]) => [name, String(value)]),
  }),
  routes: ({ topology, readiness }) => ({
    columns: [
      'server',
      'address',
      'role',
      'serves_reads',
      'lag_bytes',
      'lag_ms',
      'readiness',
      'epoch',
      'hold',
    ],
    rows: topology.nodes.map((node) => [
      ...[node.name, `${node.host}:${node.port}`, node.name === topology.primary ? 'primary' : 'standby'],
      ...[node.isReadable ? 'yes' : 'no', text(node.lagBytes), text(node.lagMs)],
      ...[
        readiness(node.name).toFixed(2),
        String(topology.epoch),
        topology.primary ? topology.drain : 'no primary',
      ],
    ]),
  }),
  version: () => ({ columns: ['version'], rows: [[`QuantaDB router ${releaseVersion}`]] }),
  help: () => ({
    columns: ['command', 'what'],
    rows: [
      ['SHOW POOLS', 'server connections by database, user and server, and who waits for them'],
      ['SHOW CLIENTS', 'who is connected, and why some keep their server'],
      ['SHOW SERVERS', 'every server connection'],
      ['SHOW STATS', 'what was counted since the start'],
      ['SHOW ROUTES', 'who is primary under which epoch, who serves reads, how far they lag'],
      ['PAUSE [database]', 'lets no transaction begin, and answers when none is under way'],
      ['RESUME [database]', 'ends that'],
      ['RELOAD', 'reads the settings of the host’s file again'],
    ],
  }),
};

function stateOf(session: ClientSession): string {
  if (session.isWaiting && !session.isBusy) return 'waiting';
  if (session.failedTransaction.isActive || session.server?.status === transactionStatus.failed)
    return 'failed transaction';
  if (session.server?.status === transactionStatus.inTransaction) return 'in transaction';
  return session.isBusy ? 'active' : 'idle';
}

function splitText({ isOn, by }: ReadSplit): string {
  return `${isOn ? 'on' : 'off'} (${by})`;
}

function text(value: number | null): string | null {
  return value === null ? null : String(value);
}
