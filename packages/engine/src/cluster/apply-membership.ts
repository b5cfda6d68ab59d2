import { usualPolicy } from '../contract/cluster-state.ts';
import { upstreamSetFor } from '../replication/apart.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import { nodeChangeWords } from './node-change.ts';
import { whyNotApart } from './standby-kind.ts';

/** Membership commands (pure): who belongs to the cluster, and in which phase. */

const membersMax = 50;

export function identify(draft: Draft, command: CommandOf<'identify'>): CommandResult {
  const known = draft.state.systemIdentifier;
  if (known === command.systemIdentifier) return { ok: true };
  if (known !== null) return { ok: false, reason: `the cluster's system identifier is ${known}` };
  draft.state.systemIdentifier = command.systemIdentifier;
  return { ok: true };
}

export function addMember(draft: Draft, command: CommandOf<'add-member'>): CommandResult {
  const { state } = draft;
  const { member } = command;
  if (state.members[member.name]) return { ok: false, reason: `${member.name} is a member already` };
  if (Object.keys(state.members).length >= membersMax)
    return { ok: false, reason: `a cluster has at most ${membersMax} nodes` };
  const raftId = state.nextRaftId;
  state.nextRaftId += 1;
  state.members[member.name] = {
    ...member,
    raftId,
    phase: 'joining',
    maintenance: null,
    policy: usualPolicy,
  };
  draft.event('info', 'node-added', `${member.name} joins the cluster.`, member.name);
  return { ok: true, raftId };
}

export function setPhase(draft: Draft, command: CommandOf<'set-phase'>): CommandResult {
  const { state } = draft;
  const member = state.members[command.node];
  if (!member) return { ok: false, reason: `${command.node} is no member` };
  if (member.phase === command.phase) return { ok: true };
  if (command.phase === 'leaving') {
    const problem = whyNotRemovable(draft, command.node);
    if (problem) return { ok: false, reason: problem };
  }
  member.phase = command.phase;
  if (command.phase === 'active')
    draft.event('info', 'node-active', `${command.node} is streaming.`, command.node);
  return { ok: true };
}

export function setMaintenance(draft: Draft, command: CommandOf<'set-maintenance'>): CommandResult {
  const { state } = draft;
  const { node, maintenance } = command;
  const member = state.members[node];
  if (!member) return { ok: false, reason: `${node} is no member` };
  if (maintenance && state.reign.primary === node) {
    return { ok: false, reason: `${node} is the primary: switch over to another node first` };
  }
  if (maintenance === null && member.maintenance === null) return { ok: true };
  member.maintenance = maintenance;
  const words = maintenance
    ? `${node} is in maintenance, set by ${maintenance.by}${maintenance.reason ? `: ${maintenance.reason}` : ''}.`
    : `The maintenance of ${node} has ended.`;
  draft.event('info', 'maintenance', words, node);
  return { ok: true };
}

export function setNode(draft: Draft, command: CommandOf<'set-node'>): CommandResult {
  const member = draft.state.members[command.node];
  if (!member) return { ok: false, reason: `${command.node} is no member` };
  const { zone, ...policy } = command.change;
  const problem = whyNotApart(draft.state, command.node, policy);
  if (problem) return { ok: false, reason: problem };
  if (zone !== undefined) member.zone = zone;
  member.policy = { ...member.policy, ...defined(policy) };
  draft.event('info', 'node-settings', `${command.node}: ${nodeChangeWords(command.change)}.`, command.node);
  return { ok: true };
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

export function removeMember(draft: Draft, command: CommandOf<'remove-member'>): CommandResult {
  const { state } = draft;
  if (!state.members[command.node]) return { ok: true };
  const problem = whyNotRemovable(draft, command.node);
  if (problem) return { ok: false, reason: problem };
  delete state.members[command.node];
  for (const fed of Object.values(state.members).filter((each) => upstreamSetFor(each) === command.node)) {
    fed.policy = { ...fed.policy, upstream: null };
    const words = `${fed.name} streams from the primary from now on: its upstream ${command.node} has left the cluster.`;
    draft.event('warning', 'cascade', words, fed.name);
  }
  draft.event('info', 'node-removed', `${command.node} has left the cluster.`, command.node);
  return { ok: true };
}

function whyNotRemovable(draft: Draft, node: string): string | null {
  const { state } = draft;
  if (state.reign.primary === node) return `${node} is the primary: switch over to another node first`;
  if (state.source?.leader === node)
    return `${node} streams from ${state.source.name}: another node takes that over first`;
  const inSet = state.syncSet.electors.includes(node) || state.syncSet.standbys.includes(node);
  return inSet ? `${node} is in the synchronous set, which protects acknowledged writes` : null;
}

/** What was checked before; each node tells its own PostgreSQL as soon as it applies this. */
export function setParameters(draft: Draft, command: CommandOf<'set-parameters'>): CommandResult {
  const { state } = draft;
  const changes = Object.entries(command.parameters);
  state.parameters = { ...state.parameters };
  for (const [name, value] of changes) {
    if (value === null) delete state.parameters[name];
    else state.parameters[name] = value;
  }
  const words = changes.map(([name, value]) =>
    value === null ? `${name} as by default` : `${name} = ${value}`,
  );
  draft.event('info', 'parameters', `Parameters: ${words.join(', ')}.`);
  return { ok: true };
}
