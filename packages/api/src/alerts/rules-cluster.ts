import { wellStates } from '@quantadb/engine/contract/status';
import { carriesValues } from '../clusters/private-settings.ts';
import type { KnownCluster } from './known.ts';
import { type ClusterRule, found, isOver, type Look, nothing, unknown, when } from './rule.ts';
import { countWords, timeWords } from './words.ts';

/** Rules about a cluster as a whole (pure). */

/** A picture older than this says nothing about now: the rule about silence does. */
const knownForMs = 15_000;

export function fresh(cluster: KnownCluster, look: () => Look): Look {
  return cluster.ageMs > knownForMs ? unknown : look();
}

function hasPrimary({ status }: KnownCluster): boolean {
  return status.nodes.some((node) => node.role === 'primary' && node.state === 'running');
}

export const clusterRules: ClusterRule[] = [
  {
    ...{
      id: 'no-primary',
      title: 'No primary',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 10,
      limits: {},
    },
    runbook: {
      means: 'Nobody takes writes. A failover lasts a few seconds; this has lasted longer.',
      look: [
        'The verdict of the cluster: it names what blocks the election, and which node would unblock it.',
        'Failovers: the candidates of the last one and why each was refused.',
      ],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { noQuorum, source, verdict } = cluster.status;
        return when(
          !source && !noQuorum && !hasPrimary(cluster),
          `${cluster.name} takes no writes. ${verdict}`,
        );
      }),
  },
  {
    ...{
      id: 'no-quorum',
      title: 'No quorum',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 5,
      limits: {},
    },
    runbook: {
      means:
        'No majority of the voters answers, so nobody may be primary. Nodes whose data is proven go on to serve reads.',
      look: ['Which voters are missing, and whether their hosts run.', 'The network between the hosts.'],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { noQuorum } = cluster.status;
        if (!noQuorum) return nothing;
        const missing = noQuorum.missing.join(', ') || 'voters';
        const needed = countWords(noQuorum.needed, 'of them is needed', 'of them are needed');
        return when(true, `${cluster.name} has no majority: ${missing} do not answer, ${needed}.`);
      }),
  },
  {
    ...{
      id: 'writes-blocked',
      title: 'Writes wait',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 10,
      limits: {},
    },
    runbook: {
      means:
        'The primary runs, but too few standbys confirm what is written: commits wait rather than being risked (durability `strict`).',
      look: ['Which standbys of the synchronous set do not stream, and why.'],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { health, source, verdict } = cluster.status;
        return when(health === 'down' && !source && hasPrimary(cluster), `${cluster.name}: ${verdict}`);
      }),
  },
  {
    ...{
      id: 'cluster-silent',
      title: 'Nothing heard of a cluster',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 0,
    },
    limits: { silence: { words: 'Silent for', unit: 'seconds', usual: 30, min: 10, max: 86_400 } },
    runbook: {
      means:
        'No host of the cluster reports to the console. It may serve all the same: clusters do not need the console. All other rules about it stand still.',
      look: [
        'Whether the hosts reach the console (its address, a firewall, a certificate).',
        'A daemon asked directly: it answers while the console is deaf.',
      ],
      command: 'quantadb status --node <host>:<API port>',
    },
    look: ({ name, ageMs }, { limits }) =>
      when(ageMs > (limits.silence ?? 0) * 1000, `No host of ${name} has reported for ${timeWords(ageMs)}.`),
  },
  {
    ...{
      id: 'no-spare-node',
      title: 'The next loss stops writes',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 60,
    },
    limits: {},
    runbook: {
      means:
        'A node is missing, and the cluster can lose no other one without losing the ability to write. Nothing acknowledged is at risk.',
      look: ['The node that is not well: its detail says why.', 'A spare host can take its place.'],
      command: 'quantadb nodes',
    },
    look: (cluster) => fresh(cluster, () => spareLook(cluster)),
  },
  {
    ...{
      id: 'primary-alone',
      title: 'The primary alone confirms writes',
      of: 'cluster',
      severity: 'critical',
    },
    ...{ forSeconds: 30, limits: {} },
    runbook: {
      means:
        'The cluster promises that standbys confirm commits, and none does now (durability `available` has let go of them): losing the primary can lose the newest writes.',
      look: [
        'Why no standby streams.',
        'Replication: whether one is being taken back into the synchronous set.',
      ],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { durability, spare, nodes } = cluster.status;
        const standbys = nodes.filter((node) => node.kind === 'data').length - 1;
        const promised = durability !== 'async' && standbys > 0;
        const sentence = `${cluster.name} promises ${durability}, and its primary confirms writes alone: of ${countWords(standbys, 'standby', 'standbys')} none is waited for.`;
        return when(promised && spare?.isPrimaryAlone === true, sentence);
      }),
  },
  {
    ...{
      id: 'no-decider',
      title: 'No failover is possible',
      of: 'cluster',
      severity: 'critical',
      forSeconds: 30,
    },
    limits: {},
    runbook: {
      means:
        'No Raft leader is known: if the node that takes writes, or that follows the source, is lost now, nobody takes over until one is elected.',
      look: [
        'Whether a majority of the voters runs.',
        'Raft figures of the nodes: slow disks delay elections.',
      ],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { raft, source } = cluster.status;
        if (raft.leader !== null || !(source || hasPrimary(cluster))) return nothing;
        // A primary has none for as long as its lease lasts; a cluster that follows another one can go on so for days.
        const does = source ? `follows ${source.name}` : 'has a primary';
        return when(true, `${cluster.name} ${does} and has no Raft leader (term ${raft.term}).`);
      }),
  },
  {
    ...{
      id: 'network-split',
      title: 'The network is cut',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 15,
    },
    limits: {},
    runbook: {
      means:
        'Nodes that run do not hear each other. The cluster goes by the majority; what is cut off serves no writes.',
      look: [
        'The matrix of who hears whom on the page of the cluster.',
        'Switches, firewalls, routes between these hosts.',
      ],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { network } = cluster.status;
        if (!network || network.kind === 'connected' || network.kind === 'cut-off') return nothing;
        return when(true, `${cluster.name}: ${network.verdict}`);
      }),
  },
  {
    ...{
      id: 'failover-happened',
      title: 'A failover happened',
      of: 'cluster',
      severity: 'info',
      forSeconds: 0,
    },
    limits: { shown: { words: 'Shown for', unit: 'minutes', usual: 60, min: 1, max: 10_080 } },
    runbook: {
      means: 'The primary was lost, and another node has taken over or is about to.',
      look: ['Its page explains it: what was seen, who could take over and why, what may be lost.'],
      command: 'quantadb events',
    },
    look: ({ name, failovers }, { nowMs, limits }) => {
      const lately = failovers.filter(
        ({ startedAtMs }) => nowMs - startedAtMs < (limits.shown ?? 0) * 60_000,
      );
      return found(
        ...lately.map(({ id, reason, newPrimary, mayHaveLost }) => ({
          subject: id,
          sentence: `${name}: ${newPrimary ?? 'nobody yet'} takes over after a failover: ${reason}${mayHaveLost ? ' Acknowledged writes may be lost.' : ''}`,
          ...(mayHaveLost ? { severity: 'critical' as const } : {}),
        })),
      );
    },
  },
  {
    ...{
      id: 'operation-failed',
      title: 'An operation failed',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 0,
    },
    limits: { shown: { words: 'Shown for', unit: 'hours', usual: 24, min: 1, max: 720 } },
    runbook: {
      means:
        'Something that was asked of the cluster ended with an error. It stands until a later one of its kind is done, or its time is over.',
      look: ['The failed step and its error; whether it can be gone on with from that step.'],
      command: 'quantadb operations',
    },
    look: ({ name, operations }, { nowMs, limits }) => {
      const failed = operations.filter(
        (each) =>
          each.state === 'failed' &&
          nowMs - each.endedAtMs < (limits.shown ?? 0) * 3_600_000 &&
          !operations.some(
            ({ kind, state, endedAtMs }) =>
              kind === each.kind && state === 'done' && endedAtMs > each.endedAtMs,
          ),
      );
      return found(
        ...failed.map(({ id, kind, error }) => ({
          subject: id,
          sentence: `${name}: ${kind} failed${whyFailed(kind, error)}`,
        })),
      );
    },
  },
  {
    ...{ id: 'source-lost', title: 'Nothing arrives from the source', of: 'cluster', severity: 'critical' },
    ...{ forSeconds: 30, limits: {} },
    runbook: {
      means: 'A standby cluster follows another one and receives nothing: what is written there is not here.',
      look: ['Whether the source runs and takes writes.', 'The line between the two sites.'],
      command: 'quantadb status',
    },
    look: (cluster) =>
      fresh(cluster, () => {
        const { source } = cluster.status;
        if (!source || source.isStreaming) return nothing;
        return when(true, `${cluster.name} receives nothing from ${source.name} (${source.state}).`);
      }),
  },
  {
    ...{
      id: 'follower-lost',
      title: 'A standby cluster does not follow',
      of: 'cluster',
      severity: 'warning',
    },
    forSeconds: 60,
    limits: { lag: { words: 'Or behind by more than', unit: 'seconds', usual: 300, min: 1, max: 86_400 } },
    runbook: {
      means: 'Another cluster that follows this one is not connected or far behind. WAL is kept for it here.',
      look: [
        'Whether the other cluster runs.',
        'How much WAL its slot keeps on this primary.',
        'When it is gone for good: `quantadb cluster forget <cluster>` drops its slot and lets its hosts in no more.',
      ],
      command: 'quantadb status',
    },
    look: (cluster, { limits, stands }) =>
      fresh(cluster, () =>
        found(
          ...cluster.status.followers.flatMap(({ cluster: follower, state, lagMs }) => {
            if (state === 'disconnected')
              return [
                {
                  subject: follower,
                  sentence: `${follower} does not follow ${cluster.name}: it is disconnected.`,
                },
              ];
            const isLate = lagMs !== null && isOver(lagMs, (limits.lag ?? 0) * 1000, stands(follower));
            const sentence = `${follower} is ${timeWords(lagMs ?? 0)} behind ${cluster.name}.`;
            return isLate ? [{ subject: follower, sentence }] : [];
          }),
        ),
      ),
  },
];

function spareLook({ name, status }: KnownCluster): Look {
  const { spare, nodes } = status;
  // A cluster of two that is whole can lose none either: that is advice, and no alarm.
  const absent = nodes.filter(({ state, maintenance }) => !wellStates.has(state) || maintenance);
  if (!spare || spare.isPrimaryAlone || spare.nodes > 0 || absent.length === 0) return nothing;
  const who = absent
    .map((node) => `${node.name} is ${node.maintenance ? 'in maintenance' : node.state}`)
    .join(', ');
  return when(true, `${name} can lose no other node without writes stopping: ${who}.`);
}

/** The value that a setting did not take may be a secret: an alert is told to more people than may see it. */
function whyFailed(kind: string, error: string | null): string {
  if (error === null || error === '') return '.';
  return carriesValues(kind) ? '; its page says why.' : `: ${error}`;
}
