import { configFor } from '../backup/repositories.ts';
import type { RepositoryTest, RepositoryTested } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';
import { secretsAfter } from './plan-backup.ts';

const tryDeadlineMs = 16_000;

/** Every data node tries a repository at once: a place that one of them does not reach is found before it is agreed on. */
export async function tryEverywhere(
  state: ClusterState | null,
  peers: Peers,
  { repository, secrets, number = 1 }: RepositoryTest,
): Promise<RepositoryTested> {
  if (!state) throw new QuantaError('NOT_FOUND', 'the host that was asked is in no cluster');
  const config = state.backup?.config;
  const known = config ? configFor(config, number)?.secrets : undefined;
  const test = { repository, secrets: secretsAfter(known, secrets) };
  const input = { clusterId: state.clusterId, test };
  const members = dataMembers(state).filter(({ phase }) => phase === 'active');
  const tries = members.map(async (member) => {
    const tried = await peers
      .call(member, 'try-repository', { input, deadlineMs: tryDeadlineMs })
      .catch((error: unknown) => unanswered(error));
    return { node: member.name, ...(tried.ok ? { ok: true, detail: '', hint: '' } : tried) };
  });
  return { nodes: await Promise.all(tries) };
}

function unanswered(error: unknown): { ok: false; detail: string; hint: string } {
  const hint = error instanceof QuantaError ? (error.hint ?? '') : '';
  return { ok: false, detail: messageOf(error).slice(0, 1000), hint: hint.slice(0, 1000) };
}
