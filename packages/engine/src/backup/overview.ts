import { drillSlot } from '../cluster/apply-backup.ts';
import { dataMembers } from '../cluster/membership.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import { type BackupJob, noBackups } from '../contract/backup.ts';
import type { BackupNodeView, BackupOverview } from '../contract/backup-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { damageHint, foundBy } from './findings.ts';
import { hostRepositoryOf, serversOf } from './host-way.ts';
import { pointsOf } from './points.ts';
import { numbersOf, schedulesOf, withoutSecrets } from './repositories.ts';
import { drillSchedule, nextRuns } from './schedule.ts';
import { lastWord, type ReadRepository, stateOfEach, unite } from './united.ts';

export interface OverviewOptions {
  self: string;
  peers: Peers;
  logger: Logger;
  state: ClusterState;
  nowMs: number;
}

const readDeadlineMs = 60_000;
const askDeadlineMs = 5_000;
const runsShown = 5;

/** Puts together what is agreed on and what the repository holds; a part that cannot be had is missing, with the reason. */
export async function backupOverview(options: OverviewOptions): Promise<BackupOverview> {
  const { state, nowMs } = options;
  const backup = state.backup ?? noBackups;
  const { config } = backup;
  const schedules = config ? schedulesOf(config).filter((each) => each.enabled) : [];
  if (config?.drills) schedules.push(drillSchedule(config.drills, drillSlot));
  const [job, read, onPrimary, servers] = await Promise.all([
    backup.job ? withProgress(options, backup.job) : null,
    config ? Promise.all(numbersOf(config).map((number) => readRepository(options, number))) : [],
    config ? primaryOf(options) : null,
    serversFor(options),
  ]);
  const united = config ? unite(read) : { repository: null, problem: null };
  const [lastDrill, lastVerification] = [lastWord(backup, 'drill'), lastWord(backup, 'verify')];
  const damaged = [lastVerification, lastDrill].find((each) => foundBy(each).length > 0);
  return {
    config: config && withoutSecrets(config),
    job,
    pastJobs: backup.pastJobs,
    points: pointsOf({ state, repository: united.repository, nowMs }),
    nextRuns: schedules.map((schedule) => ({
      scheduleId: schedule.id,
      what: schedule.id === drillSlot ? 'drill' : schedule.type,
      atMs: nextRuns(schedule, state.clusterId, { nowMs, count: runsShown }),
    })),
    ...{ lastDrill, lastVerification },
    advice: damaged ? damageHint(damaged) : null,
    ...united,
    archiving: onPrimary?.archiving ?? null,
    look: backup.pastJobs.some((each) => each.result?.kind === 'look') ? await openLookOf(options) : null,
    servers,
    repositories: config?.further ? stateOfEach(read, { config, owed: onPrimary?.owed ?? [] }) : [],
  };
}

async function withProgress({ state, peers, logger }: OverviewOptions, job: BackupJob): Promise<BackupJob> {
  const node = state.members[job.node ?? ''];
  if (!node || job.state !== 'running') return job;
  try {
    const input = { clusterId: state.clusterId, id: job.id, waitMs: 0 };
    const look = await peers.call(node, 'look-at-backup-job', { input, deadlineMs: askDeadlineMs });
    if (look.state === 'unknown') return job;
    return { ...job, detail: look.detail, percent: look.percent, bytesDone: look.bytesDone };
  } catch (error) {
    logger.debug({ node: node.name, error: messageOf(error) }, 'how far a job is could not be asked');
    return job;
  }
}

/** By this node if it can, else by the others in turn: all of them see the same repository. */
async function readRepository(options: OverviewOptions, number: number): Promise<ReadRepository> {
  const { state, self, peers } = options;
  const members = dataMembers(state).sort(
    (left, right) => Number(right.name === self) - Number(left.name === self),
  );
  let problem: string | null = 'no node could be asked';
  for (const member of members) {
    try {
      const input = { clusterId: state.clusterId, repository: number };
      const view = await peers.call(member, 'backup-repository', { input, deadlineMs: readDeadlineMs });
      return { number, view, problem: null };
    } catch (error) {
      problem = `${member.name}: ${messageOf(error)}`;
    }
  }
  return { number, view: null, problem };
}

async function primaryOf({ state, peers, logger }: OverviewOptions): Promise<BackupNodeView | null> {
  const primary = state.members[state.reign.primary ?? ''];
  if (!primary) return null;
  try {
    const input = { clusterId: state.clusterId };
    return await peers.call(primary, 'backup-node', { input, deadlineMs: askDeadlineMs });
  } catch (error) {
    logger.debug({ error: messageOf(error) }, 'the primary does not say how archiving goes');
    return null;
  }
}

/** How the servers are by which hosts reach each other; none where everybody reaches the repository by itself. */
async function serversFor({ state, peers, logger }: OverviewOptions): Promise<BackupOverview['servers']> {
  const repository = hostRepositoryOf(state.backup?.config);
  if (!repository) return [];
  const input = { clusterId: state.clusterId };
  return Promise.all(
    serversOf(state, repository).map(async ({ member, own }) => {
      const told = { node: member.name, gives: own.gives };
      try {
        const view = await peers.call(member, 'backup-node', { input, deadlineMs: askDeadlineMs });
        return { ...told, server: view.tlsServer ?? null };
      } catch (error) {
        logger.debug(
          { node: member.name, error: messageOf(error) },
          'a backup server could not be asked for',
        );
        return { ...told, server: null };
      }
    }),
  );
}

/** Asked of the node that opened the last one: it may have been closed since, or have ended with its daemon. */
async function openLookOf({ state, peers, logger }: OverviewOptions): Promise<BackupOverview['look']> {
  const last = state.backup?.pastJobs.findLast((job) => job.result?.kind === 'look')?.result;
  const node = last?.kind === 'look' ? state.members[last.look.node] : undefined;
  if (!node) return null;
  try {
    const input = { clusterId: state.clusterId };
    return (await peers.call(node, 'backup-node', { input, deadlineMs: askDeadlineMs })).look;
  } catch (error) {
    logger.debug(
      { node: node.name, error: messageOf(error) },
      'whether a scratch server is open could not be asked',
    );
    return null;
  }
}
