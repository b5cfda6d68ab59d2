import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterOutputs } from '@trpc/server';

export type Name = inferRouterOutputs<AppRouter>['clusters']['router'][number]['name'];

/** What each setting of a router means, for somebody who reads it for the first time. */
export const settingWords: Record<Name, string> = {
  pooling: 'A client keeps a server connection for a transaction, or for its session.',
  poolSize: 'Server connections per user, database and server.',
  split: 'Reads go to standbys, unless a connection, a suffix, its user or its database says otherwise.',
  splitUsers: 'Reads of these users go to standbys, or do not: anna=on, etl=off.',
  splitDatabases: 'Reads in these databases go to standbys, or do not: shop=on, bank=off.',
  splitOnSuffix: 'A database name with this ending means the database without it, and reads go to standbys.',
  splitOffSuffix:
    'A database name with this ending means the database without it, and reads stay on the primary.',
  consistency: 'What a session is promised of its reads from standbys.',
  balance: 'How the standby for a read is chosen.',
  lagBytesMax: 'A standby that lags by more bytes serves no reads.',
  lagMsMax: 'A standby that lags by more milliseconds serves no reads.',
  boundedLagMs: 'How old reads may be under bounded consistency, in milliseconds.',
  sharing: 'Quick reads of several clients may share a server connection.',
  sharedConnections: 'Connections of a pool that may be shared.',
  sharedDepth: 'Statements that may be under way on a shared connection.',
  sharedStatementMs: 'Statements that usually take longer share with nobody, in milliseconds.',
  serverConnectionsMax: 'Connections of one router to one server: less than its max_connections.',
  clientsMax: 'Clients of one router.',
  queueMax: 'Sessions that may wait for a server in one pool.',
  queueTimeoutMs: 'How long a statement waits for a server, also while there is no primary, in milliseconds.',
  loginTimeoutMs: 'How long a client may take to log in, in milliseconds.',
  connectTimeoutMs: 'How long a connection to a server may take to open, in milliseconds.',
  serverIdleMs: 'A server connection that nobody needs is closed after so many milliseconds.',
  serverLifeMs: 'A server connection is replaced after so many milliseconds.',
  replacedLifeMs: 'Sessions may stay so many milliseconds in a router that another one has replaced.',
};
