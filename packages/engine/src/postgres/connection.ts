import { Socket } from 'node:net';
import pg from 'pg';
import { QuantaError } from '../shared/errors.ts';
import { type NodePlace, superuserRole } from './layout.ts';

export type SocketPlace = Pick<NodePlace, 'runDir' | 'port'>;

/** Why a server could not be asked. `busy` (53300) and `starting` (57P03) are answers of a living server. */
export type ConnectFailure = 'refused' | 'timeout' | 'busy' | 'starting' | 'error';

const refusals = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTCONN']);

export function classifyFailure(error: unknown): ConnectFailure {
  const code = error instanceof QuantaError ? error.code : (error as { code?: unknown } | null)?.code;
  // EAGAIN: the queue of connections the postmaster has not taken yet is full.
  if (code === 'DEADLINE_EXCEEDED' || code === 'EAGAIN') return 'timeout';
  if (code === '53300') return 'busy';
  if (code === '57P03') return 'starting';
  if (typeof code === 'string' && refusals.has(code)) return 'refused';
  // What pg says, without a code, when the server closes the connection in the middle.
  if (error instanceof Error && /Connection terminated|server closed/i.test(error.message)) return 'refused';
  return 'error';
}

/**
 * Runs `work` on a connection of its own over the unix socket, as superuser, and closes it. The deadline covers
 * connecting, the work and the goodbye; past it the socket is destroyed, so that a hung server costs nothing further.
 *
 * @throws QuantaError DEADLINE_EXCEEDED, the signal's reason, or what connecting or `work` threw
 */
export async function withFreshConnection<T>(
  place: SocketPlace,
  options: { what: string; timeoutMs: number; database?: string; signal?: AbortSignal | undefined },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  signal?.throwIfAborted();
  let socket: Socket | undefined;
  const client = new pg.Client({
    ...clientOptions(place),
    ...(options.database === undefined ? {} : { database: options.database }),
    statement_timeout: options.timeoutMs,
    stream: () => {
      socket = new Socket();
      return socket;
    },
  });
  // Errors that arrive between two queries: the next query, or the deadline, reports them.
  client.on('error', () => socket?.destroy());
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => undefined;
  const expired = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort);
    timer = setTimeout(
      () =>
        reject(
          new QuantaError('DEADLINE_EXCEEDED', `${options.what} took longer than ${options.timeoutMs} ms`),
        ),
      options.timeoutMs,
    );
  });
  const attempt = (async () => {
    await client.connect();
    const answer = await work(client);
    await client.end();
    return answer;
  })();
  // When the deadline wins the race, the attempt's own failure arrives later and has nobody left to tell.
  attempt.catch(() => socket?.destroy());
  try {
    return await Promise.race([attempt, expired]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    socket?.destroy();
  }
}

/**
 * A small persistent pool for the daemon's own questions. A server that dies under it must never crash the process,
 * so both kinds of errors that arrive outside a query have a listener.
 */
export function openPool(place: SocketPlace, onLost: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    ...clientOptions(place),
    max: 2,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 2_000,
    statement_timeout: 5_000,
    query_timeout: 6_000,
    allowExitOnIdle: true,
  });
  pool.on('error', onLost);
  pool.on('connect', (client) => client.on('error', onLost));
  return pool;
}

function clientOptions(place: SocketPlace): pg.ClientConfig {
  return {
    host: place.runDir,
    port: place.port,
    user: superuserRole,
    database: 'postgres',
    application_name: 'quantadb',
    ssl: false,
  };
}
