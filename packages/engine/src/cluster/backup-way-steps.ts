import { type HostRepository, hostRepositoryOf, serversOf } from '../backup/host-way.ts';
import type { SourceServer } from '../backup/job-order.ts';
import type { BackupConfig } from '../contract/backup.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';
import { memberOf } from './step-helpers.ts';

/** What it takes to agree on a repository that one of the hosts holds. */

const offerDeadlineMs = 20_000;
const tryDeadlineMs = 90_000;
const askDeadlineMs = 15_000;

interface Asked {
  peers: Peers;
  state: ClusterState;
  config: BackupConfig;
}

/** Whose program is used: the nodes', and that of the host which holds the repository. */
export function takingPart(state: ClusterState, config: BackupConfig): Member[] {
  const repository = hostRepositoryOf(config);
  const members = dataMembers(state);
  if (!repository || members.some(({ name }) => name === repository.host)) return members;
  return [...members, memberOf(state, repository.host)];
}

/**
 * The servers of the hosts are up before anything is agreed on, and every node has reached the repository: what does not work
 * is known by its name while the settings of before still count.
 */
export async function openWay(asked: Asked): Promise<void> {
  const repository = hostRepositoryOf(asked.config);
  if (!repository) return;
  const serving = serversOf(asked.state, repository).map(({ member }) => member);
  await askAll(asked, { members: serving, method: 'offer-backup-way', deadlineMs: offerDeadlineMs });
  const trying = dataMembers(asked.state).filter(({ name }) => name !== repository.host);
  await askAll(asked, { members: trying, method: 'try-backup-way', deadlineMs: tryDeadlineMs });
}

/** Who makes the repository ready, and whose server it looks at for it. */
export async function preparation(
  asked: Asked,
  primary: Member,
): Promise<{ member: Member; servers: SourceServer[] }> {
  const { peers, state, config } = asked;
  const repository = hostRepositoryOf(config);
  if (!repository || repository.host === primary.name) return { member: primary, servers: [] };
  const input = { clusterId: state.clusterId };
  const { server } = await peers.call(primary, 'backup-node', { input, deadlineMs: askDeadlineMs });
  return { member: memberOf(state, repository.host), servers: [{ node: primary.name, server }] };
}

async function askAll(
  { peers, state, config }: Asked,
  ask: { members: Member[]; method: 'offer-backup-way' | 'try-backup-way'; deadlineMs: number },
): Promise<void> {
  const input = { clusterId: state.clusterId, config };
  const refusals = await Promise.all(
    ask.members.map(async (member) => {
      try {
        const answer = await peers.call(member, ask.method, { input, deadlineMs: ask.deadlineMs });
        return answer.ok ? null : `${member.name}: ${answer.reason.replace(/\.$/, '')}`;
      } catch (error) {
        return `${member.name}: ${messageOf(error)}`;
      }
    }),
  );
  const problems = refusals.filter((refusal) => refusal !== null);
  if (problems.length === 0) return;
  const repository = hostRepositoryOf(config) as HostRepository;
  throw new QuantaError('REFUSED', `${problems.join('; ').slice(0, 1500)}.`, {
    hint:
      ask.method === 'offer-backup-way'
        ? 'Mend what they say, and ask again.'
        : `Open port ${repository.port} of ${repository.host} to these nodes, and ask again.`,
  });
}
