import pg from 'pg';

/** One node as clients see it. */
export interface CheckedNode {
  name: string;
  host: string;
  port: number;
}

export interface Credentials {
  user: string;
  password: string;
  database: string;
}

const connectTimeoutMs = 500;
const answerDeadlineMs = 1500;

/** A client straight to one server that gives up soon, so that its loop sees the server come back. */
export async function connectTo(node: CheckedNode, credentials: Credentials): Promise<pg.Client> {
  const { host, port } = node;
  const client = new pg.Client({
    ...{ host, port, ...credentials },
    ...{ connectionTimeoutMillis: connectTimeoutMs, query_timeout: answerDeadlineMs },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
