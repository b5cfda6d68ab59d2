import { randomBytes } from 'node:crypto';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { operationRequestSchema } from '@quantadb/engine/contract/operations';
import { localDaemon } from './local-daemon.ts';
import type { Steering } from './steering.ts';
import { UsageError } from './usage-error.ts';

export interface FoundingOptions {
  cluster: string;
  /** The application's role and database; both undefined: none is made. */
  role: string | undefined;
  database: string | undefined;
  /** Default: a new one, which is told once. */
  password: string | undefined;
  /** Networks that clients come from. */
  networks: string[];
}

const passwordBytes = 18;

/** What a founding asks for (pure but for the password it may draw). @throws UsageError naming what is not understood */
export function foundingRequest(
  options: FoundingOptions,
): Extract<OperationRequest, { kind: 'create-cluster' }> {
  const { cluster, role, networks } = options;
  const password = options.password ?? randomBytes(passwordBytes).toString('base64url');
  const application = role ? { role, database: options.database ?? role, password } : null;
  const hba = networks.map((network) => `host all all ${network} scram-sha-256`);
  const request = { kind: 'create-cluster', cluster, application, parameters: {}, hba };
  const parsed = operationRequestSchema.safeParse(request);
  if (parsed.success && parsed.data.kind === 'create-cluster') return parsed.data;
  const issue = parsed.error?.issues[0];
  throw new UsageError(`${issue?.path.join('.') || 'the cluster'}: ${issue?.message ?? 'not understood'}`);
}

/** `node-1@10.0.0.1:7100`. @throws UsageError naming what is not understood */
export function followRequest(
  cluster: string,
  place: string,
): Extract<OperationRequest, { kind: 'create-standby-cluster' }> {
  const [, node, host, port] = /^([a-z][a-z0-9-]*)@\[?([^\]@]+?)\]?:(\d{1,5})$/.exec(place) ?? [];
  const source = { node, host, port: Number(port) };
  const parsed = operationRequestSchema.safeParse({ kind: 'create-standby-cluster', cluster, source });
  if (parsed.success && parsed.data.kind === 'create-standby-cluster') return parsed.data;
  const issue = parsed.error?.issues[0];
  const what =
    issue?.path[0] === 'cluster' ? `${cluster}: ${issue.message}` : `${place} is no <node>@<host>:<port>`;
  throw new UsageError(what);
}

/** Through the host's own socket: only its administrator founds a cluster on it. */
export async function throughHost(
  file: string,
  request: Extract<
    OperationRequest,
    { kind: 'create-cluster' | 'adopt-server' | 'create-standby-cluster' | 'promote-cluster' }
  >,
): Promise<Steering> {
  const client = await localDaemon(file);
  return {
    plan: () => client.plan(request),
    start: async (options) => (await client.start({ request, ...options })).operationId,
    witnesses: async () => [client],
  };
}
