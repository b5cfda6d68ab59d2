import { type ClusterState, hostKindSchema, type Member, type Operation } from '../contract/cluster-state.ts';
import type { FreshRequest } from '../contract/operations.ts';
import type { RestoreClusterRequest } from '../contract/restore.ts';
import { accessParams } from './access-change.ts';
import { configureParams, workParams } from './backup-steps.ts';
import type { StepContext } from './operation-runner.ts';

/** How a request is stored with its operation: flat, without secrets, and read back by the steps (pure). */

type HostParams = Pick<Member, 'name' | 'kind' | 'addresses' | 'zone'>;

/** The host that add-node was asked for, from the operation's flat parameters. */
export function hostOf(context: StepContext): HostParams {
  const { params } = context.operation;
  const endpoint = (prefix: string) => ({
    host: String(params[`${prefix}Host`]),
    port: Number(params[`${prefix}Port`]),
  });
  const postgres = params.postgresHost === null ? null : endpoint('postgres');
  const kind = hostKindSchema.catch('data').parse(params.kind);
  return {
    name: String(params.name),
    kind,
    zone: null,
    addresses: { raft: endpoint('raft'), api: endpoint('api'), postgres },
  };
}

/** Whom the operation is about: a member, or the host that is to become one. */
export function nodeOf({ operation }: StepContext): string {
  return String(operation.params.node ?? operation.params.name);
}

/** The flat parameters that are stored with an operation; secrets never are. */
export function operationParams(
  request: FreshRequest,
  state: ClusterState | null,
): Record<string, string | number | boolean | null> {
  switch (request.kind) {
    case 'create-cluster':
      return {
        cluster: request.cluster,
        role: request.application?.role ?? null,
        database: request.application?.database ?? null,
      };
    case 'adopt-server':
    case 'forget-follower':
      return { cluster: request.cluster };
    case 'add-node':
      return hostParams(request.host);
    case 'replace-node':
      return { node: request.node, ...hostParams(request.host) };
    case 'upgrade-postgres':
      return { directory: request.directory, to: null, epoch: state?.reign.epoch ?? 0 };
    case 'remove-node':
    case 'restart-node':
    case 'reinitialise-node':
      return { node: request.node };
    case 'rolling-restart':
      return { to: null, epoch: state?.reign.epoch ?? 0 };
    case 'set-node':
      return { node: request.node, ...request.change };
    case 'set-router':
      return { ...request.settings };
    case 'set-access':
      return accessParams(request.change);
    case 'set-parameters':
      return { ...request.parameters };
    case 'switchover':
      return { to: request.to, epoch: state?.reign.epoch ?? 0 };
    case 'set-maintenance':
      return { node: request.node, on: request.on !== null, minutes: request.on?.minutes ?? null };
    case 'set-own-durability':
      return { ...request.change };
    case 'set-durability':
      return { ...request.durability };
    case 'restore-cluster':
      return restoreParams(request);
    case 'restore-in-place':
      return { target: JSON.stringify(request.target), insist: request.insist };
    case 'create-standby-cluster':
      return { cluster: request.cluster, source: placeWords(request.source) };
    case 'promote-cluster':
      return { insist: request.insist, source: state?.source?.name ?? null };
    case 'configure-backup':
      return configureParams(request);
    case 'start-backup':
      return workParams(request.work);
    case 'restart-daemons':
    case 'cancel-backup':
    case 'close-look':
      return {};
    case 'create-restore-point':
      return { name: request.name };
    case 'schedule-operation':
      return scheduleParams(request);
    case 'unschedule-operation':
      return { id: request.id };
    case 'hold-backup':
    case 'note-backup':
      return { label: request.label, note: request.note };
  }
}

function restoreParams({ cluster, source, target }: RestoreClusterRequest): Operation['params'] {
  const { stanza, repository } = source;
  return { cluster, stanza, path: repository.path, target: JSON.stringify(target) };
}

function scheduleParams({
  atMs,
  withinMinutes,
  request,
}: Extract<FreshRequest, { kind: 'schedule-operation' }>): Operation['params'] {
  return { atMs, withinMinutes, request: JSON.stringify(request) };
}

function hostParams({
  name,
  kind,
  addresses,
}: Extract<FreshRequest, { kind: 'add-node' }>['host']): Operation['params'] {
  return {
    name,
    kind,
    raftHost: addresses.raft.host,
    raftPort: addresses.raft.port,
    apiHost: addresses.api.host,
    apiPort: addresses.api.port,
    postgresHost: addresses.postgres?.host ?? null,
    postgresPort: addresses.postgres?.port ?? null,
  };
}

function placeWords({ node, host, port }: { node: string; host: string; port: number }): string {
  return `${node}@${host}:${port}`;
}
