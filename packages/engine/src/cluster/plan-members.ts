import { hostRepositoryOf } from '../backup/host-way.ts';
import { type ClusterState, type HostKind, type Member, usualPolicy } from '../contract/cluster-state.ts';
import type { OperationRequest } from '../contract/operations.ts';
import { upstreamSetFor } from '../replication/apart.ts';
import { intendedTarget } from '../replication/sync-target.ts';
import { targetVoters, voteAdvice } from './membership.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';
import { quorumAfterWords } from './plan-words.ts';
import { judgeHost, type PreflightVerdict } from './preflight.ts';

/** Plans of what changes who belongs to the cluster (pure). */

const addedWords: Record<Exclude<HostKind, 'data'>, (name: string) => string> = {
  witness: (name) => `Add ${name} as a witness: it votes on who is primary, and holds no data.`,
  router: (name) =>
    `Add ${name} as a router: it takes clients to the nodes, holds no data and does not vote.`,
};

type AddedHost = Extract<OperationRequest, { kind: 'add-node' }>['host'];

export function planAdoption(input: PlanInput, base: PlanBody, cluster: string): PlanBody {
  const found = input.adoption ?? { refusal: 'This host runs no PostgreSQL: adopt a server on a data host.' };
  const steps = {
    ...base,
    writePause: 'from the stop of the server to its start as QuantaDB’s, a few seconds; its sessions end',
    quorumBefore: 'none',
    quorumAfter: '1 voter',
  };
  const summary = `Adopt the server of ${input.self} as the first node of cluster ${cluster}`;
  if ('refusal' in found) return { ...steps, summary: `${summary}.`, refusal: base.refusal ?? found.refusal };
  return {
    ...steps,
    summary: `${summary}: ${found.summary}. Its data stays where it is.`,
    warnings: found.warnings,
    refusal: base.refusal ?? (found.refusals.join(' ') || null),
  };
}

export function planAdd(input: PlanInput, base: PlanBody, host: AddedHost): PlanBody {
  const { name } = host;
  const { state } = input;
  const isMember = state?.members[name] !== undefined;
  const summary =
    host.kind === 'data'
      ? `Add ${name} as a standby: clone the primary's data, then stream.`
      : addedWords[host.kind](name);
  const advice = state && voteAdvice(withMember(state, host), input.votersNow);
  const checked = hostVerdict(input, host);
  return {
    ...base,
    summary,
    warnings: [...checked.warnings, ...(advice ? [advice] : [])],
    quorumAfter: state
      ? quorumAfterWords(votersAfterAdd(input, host), withMember(state, host))
      : base.quorumAfter,
    refusal:
      base.refusal ??
      (isMember ? `${name} is a member already.` : whyNothingToClone(input)) ??
      (checked.refusals.join(' ') || null),
  };
}

function hostVerdict({ preflight }: PlanInput, { name, kind }: AddedHost): PreflightVerdict {
  if (kind !== 'data' || !preflight) return { refusals: [], warnings: [] };
  if ('refusal' in preflight) return { refusals: [preflight.refusal], warnings: [] };
  return judgeHost(name, preflight);
}

/** First the new one in, then the old one out: the cluster is never smaller than it was. */
export function planReplace(
  input: PlanInput,
  base: PlanBody,
  { node, host }: { node: string; host: AddedHost },
): PlanBody {
  const added = planAdd(input, base, host);
  const { state } = input;
  const grown = { ...input, state: state && withMember(state, host) };
  const removed = planRemove(grown, base, node);
  const isOtherKind = state?.members[node] !== undefined && state.members[node].kind !== host.kind;
  const kindRefusal = isOtherKind
    ? `${node} is a ${state.members[node]?.kind} node, and ${host.name} would be a ${host.kind} one. Add and remove them apart.`
    : null;
  return {
    ...base,
    summary: `Put ${host.name} in the place of ${node}: it joins${host.kind === 'data' ? ' by a clone' : ''}, then ${node} leaves with its data set aside.`,
    warnings: [...added.warnings, ...removed.warnings],
    quorumAfter: removed.quorumAfter,
    refusal: added.refusal ?? kindRefusal ?? removed.refusal,
  };
}

/** Counts as if a member more were active, because the vote is given only when that leaves an odd number. */
function votersAfterAdd(input: PlanInput, host: AddedHost): number {
  const members = input.state ? Object.values(withMember(input.state, host).members) : [];
  return members.length === 0 ? 1 : targetVoters(members, input.votersNow).size;
}

export function planRemove(input: PlanInput, base: PlanBody, name: string): PlanBody {
  const member = input.state?.members[name];
  let refusal = base.refusal;
  if (!refusal && !member) refusal = `${name} is no member of this cluster. See: quantadb nodes.`;
  if (!refusal && input.state?.reign.primary === name) {
    refusal = `${name} is the primary. Switch over first: quantadb switchover --to <standby>.`;
  }
  refusal ??= whyLastFollower(input, name);
  if (!refusal && hostRepositoryOf(input.state?.backup?.config)?.host === name)
    refusal = `${name} holds the backup repository. Set another one first: quantadb backup configure.`;
  const remaining = Object.values(input.state?.members ?? {}).filter((other) => other.name !== name);
  const after = input.state && {
    ...input.state,
    members: Object.fromEntries(remaining.map((member) => [member.name, member])),
  };
  return {
    ...base,
    summary: `Remove ${name}: its PostgreSQL stops, its data directory is set aside, the host becomes available.`,
    quorumAfter: quorumAfterWords(votersAfterRemoval(input.votersNow, remaining), after),
    warnings: after ? [...fedWarnings(after, name), ...removalWarnings(after)] : [],
    refusal: refusal ?? (after ? whyWritesWouldStop(input, after) : null),
  };
}

/** Who votes keeps the vote, also when that leaves an even number. */
function votersAfterRemoval(votersNow: ReadonlySet<number>, remaining: Member[]): number {
  const keeping = remaining.filter(({ raftId }) => votersNow.has(raftId)).map(({ raftId }) => raftId);
  return new Set([...keeping, ...targetVoters(remaining, votersNow)]).size;
}

function fedWarnings({ members }: ClusterState, name: string): string[] {
  const fed = Object.values(members).filter((member) => upstreamSetFor(member) === name);
  return fed.map(
    (member) => `${member.name} streams from ${name}: from then on it streams from the primary.`,
  );
}

/** Somebody has to follow the source. */
function whyLastFollower({ state }: PlanInput, name: string): string | null {
  if (!state?.source || state.members[name]?.kind !== 'data') return null;
  const others = Object.values(state.members).filter((each) => each.kind === 'data' && each.name !== name);
  return others.some(({ phase }) => phase === 'active')
    ? null
    : `${name} is the only node that holds data of ${state.source.name}. Add another one first.`;
}

function removalWarnings(after: ClusterState): string[] {
  const { standbys, count } = intendedTarget(after);
  if (standbys.length === 0) return ['No standby is left: losing the primary loses data.'];
  if (standbys.length > count) return [];
  return after.durability.strictness === 'strict'
    ? [`Every write then waits for ${standbys.join(' and ')}: losing one of them stops writes.`]
    : [`No standby is left to spare: when one is lost, the cluster goes on with less protection.`];
}

/** Leaving the set first means waiting for what is left of it. */
export function whyWritesWouldStop(input: PlanInput, after: ClusterState): string | null {
  const { standbys, count, isStrict } = intendedTarget(after);
  const missing = standbys.filter((name) => input.reports.get(name)?.state !== 'streaming');
  if (!isStrict || standbys.length - missing.length >= count) return null;
  return `Writes would then wait for ${missing.join(' and ')}, which does not stream. Bring it up first: quantadb status.`;
}

function withMember(state: ClusterState, { name, kind }: AddedHost): ClusterState {
  const template = Object.values(state.members)[0];
  if (!template || state.members[name]) return state;
  const added = {
    ...template,
    name,
    kind,
    zone: null,
    policy: usualPolicy,
    phase: 'active' as const,
    maintenance: null,
  };
  return { ...state, members: { ...state.members, [name]: { ...added, raftId: Number.MAX_SAFE_INTEGER } } };
}

function whyNothingToClone(input: PlanInput): string | null {
  const { source } = input.state ?? {};
  if (source)
    return input.reports.get(source.leader)?.receiverStatus === 'streaming'
      ? null
      : `${source.leader} does not stream from ${source.name} right now, so there is nothing to clone. See: quantadb status.`;
  const primary = input.state?.reign.primary;
  const report = primary ? input.reports.get(primary) : undefined;
  return report?.role === 'primary'
    ? null
    : 'There is no primary to clone from right now. See: quantadb status.';
}
