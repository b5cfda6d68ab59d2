import { type NodeStatus, successorName } from '@quantadb/engine/contract/status';
import type { KnownCluster } from './known.ts';
import { type ClusterRule, found, isOver, type Look, type Question } from './rule.ts';
import { fresh } from './rules-cluster.ts';
import { bytesWords, countWords, timeWords } from './words.ts';

/** Rules about the nodes of a cluster, from its status (pure). The subject is the node. */

/** A standby that is brought here does its work: cloning, rewinding and delays have their own places. */
const notStreaming: ReadonlySet<NodeStatus['state']> = new Set([
  ...(['catching-up', 'starting', 'fenced', 'stopped', 'waiting', 'read-only'] as const),
]);

function eachNode(cluster: KnownCluster, wrong: (node: NodeStatus) => string | null): Look {
  return fresh(cluster, () =>
    found(
      ...cluster.status.nodes.flatMap((node) => {
        const sentence = wrong(node);
        return sentence === null ? [] : [{ subject: node.name, sentence }];
      }),
    ),
  );
}

export const nodeRules: ClusterRule[] = [
  {
    ...{
      id: 'node-unreachable',
      title: 'A node does not answer',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 15,
    },
    limits: {},
    runbook: {
      means: 'The daemon of a node answers none of the others: the host or the daemon is down, or cut off.',
      look: ['Whether the host runs, and QuantaDB’s service on it.', 'The network picture of the cluster.'],
      command: "systemctl status 'quantadb-*'   # on that host",
    },
    look: (cluster) =>
      eachNode(cluster, ({ name, state, detail, kind }) =>
        state === 'unreachable' ? `${name} (${kind}) of ${cluster.name} does not answer: ${detail}.` : null,
      ),
  },
  {
    ...{
      id: 'standby-not-streaming',
      title: 'A standby does not stream',
      of: 'cluster',
      severity: 'warning',
    },
    ...{ forSeconds: 60, limits: {} },
    runbook: {
      means: 'A standby runs or should run, and receives no WAL: it falls behind and confirms nothing.',
      look: ['Its detail on the page of the cluster.', 'Its log: why the WAL receiver has ended.'],
      command: 'quantadb logs --of <node>',
    },
    look: (cluster) => {
      const { noQuorum, source } = cluster.status;
      return eachNode(cluster, (node) => {
        const counts =
          node.kind === 'data' && node.role !== 'primary' && !node.maintenance && !noQuorum && !source;
        if (!counts || !notStreaming.has(node.state)) return null;
        return `${node.name} of ${cluster.name} is ${node.state} and receives no WAL${node.detail ? `: ${node.detail}` : ''}.`;
      });
    },
  },
  {
    ...{
      id: 'replication-lag',
      title: 'A standby is far behind',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 30,
    },
    limits: {
      bytes: {
        words: 'Behind by more than',
        unit: 'bytes',
        usual: 256 * 1024 ** 2,
        min: 1024,
        max: 1024 ** 4,
      },
      seconds: { words: 'Or by more than', unit: 'seconds', usual: 60, min: 1, max: 86_400 },
    },
    runbook: {
      means: 'What is read on this standby is old, and it would take as long to take over.',
      look: [
        'Lag over time: does it grow, or stand? A long query on the standby can hold up replay.',
        'Disk and processor of the standby on the metrics page.',
      ],
      command: 'quantadb nodes',
    },
    look: (cluster, question) =>
      eachNode(cluster, (node) => (isMeantLate(node) ? null : lagSentence(cluster, node, question))),
  },
  {
    ...{ id: 'router-closed', title: 'A router is not open', of: 'cluster', severity: 'critical' },
    ...{ forSeconds: 15, limits: {} },
    runbook: {
      means:
        'The router of a host should be open and is not: applications that use its address cannot connect.',
      look: [
        'The reason: a port that somebody else has taken, a certificate, memory.',
        'Until then applications reach the cluster through the routers of the other hosts.',
      ],
      command: "ss -ltnp; journalctl -u 'quantadb-*' -n 50   # on that host",
    },
    look: (cluster) =>
      eachNode(cluster, ({ name, troubles }) => {
        const trouble = troubles.find((each) => each.kind === 'router' && each.name === '');
        return trouble ? `The router on ${name} of ${cluster.name} is not open: ${trouble.detail}.` : null;
      }),
  },
  {
    ...{ id: 'router-not-replaced', title: 'A router is not replaced', of: 'cluster', severity: 'warning' },
    ...{ forSeconds: 60, limits: {} },
    runbook: {
      means:
        'Another router is to take the place of the one that runs on this host (another release, port or number of workers), and does not get ready. The former one goes on, so applications notice nothing; what the new one is to change has not come.',
      look: [
        'The reason: the sentence, and the log of the daemon. A program that cannot be run, memory, a process that something kills.',
        'The former router ends with its host, and then nobody can connect there: mend it, or go back to the release of before.',
      ],
      command: 'quantadb logs --of <node> --search router',
    },
    look: (cluster) =>
      eachNode(cluster, ({ name, troubles }) => {
        const trouble = troubles.find((each) => each.kind === 'router' && each.name === successorName);
        return trouble
          ? `The router on ${name} of ${cluster.name} is a former one still, because the one that is to replace it does not get ready: ${trouble.detail}.`
          : null;
      }),
  },
  {
    ...{ id: 'hook-fails', title: 'A hook fails', of: 'cluster', severity: 'warning', forSeconds: 0 },
    limits: { shown: { words: 'Shown for', unit: 'hours', usual: 24, min: 1, max: 720 } },
    runbook: {
      means:
        'A program or an address that is to be told of changes was not: what it does (a virtual address, a message) was not done. It stands until the hook is told of something again.',
      look: [
        'What it said: the sentence, and the log of the daemon.',
        'That it belongs to root and nobody else may write it; that the address answers with 2xx.',
      ],
      command: 'quantadb logs --of <node> --search hook',
    },
    look: (cluster, { nowMs, limits }) =>
      eachNode(cluster, ({ name, troubles }) => {
        const shownMs = (limits.shown ?? 0) * 3_600_000;
        const lately = troubles.filter(({ kind, sinceMs }) => kind === 'hook' && nowMs - sinceMs < shownMs);
        const words = lately.map(({ name: hook, detail }) => `${hook}: ${detail}`).join('; ');
        return words === '' ? null : `On ${name} of ${cluster.name} a hook fails: ${words}.`;
      }),
  },
  {
    ...{
      id: 'pending-restart',
      title: 'A restart is pending',
      of: 'cluster',
      severity: 'info',
      forSeconds: 86_400,
    },
    limits: {},
    runbook: {
      means:
        'A parameter was changed that takes effect with the next restart of PostgreSQL only: until then the node runs with the old value.',
      look: ['The parameters page: which value runs, and which is to come.'],
      command: 'quantadb rolling-restart',
    },
    look: (cluster) =>
      eachNode(cluster, ({ name, pendingRestart }) =>
        pendingRestart.length === 0
          ? null
          : `${name} of ${cluster.name} waits for a restart: ${pendingRestart.join(', ')}.`,
      ),
  },
];

function isMeantLate({ state, policy, role }: NodeStatus): boolean {
  return role !== 'standby' || state === 'delayed' || (policy.applyDelayMs ?? 0) > 0;
}

function lagSentence(cluster: KnownCluster, node: NodeStatus, { limits, stands }: Question): string | null {
  const { name, lagBytes, lagMs } = node;
  const isLate =
    (lagBytes !== null && isOver(lagBytes, limits.bytes ?? 0, stands(name))) ||
    (lagMs !== null && isOver(lagMs, (limits.seconds ?? 0) * 1000, stands(name)));
  if (!isLate) return null;
  const bytes = lagBytes === null ? 'an unknown amount' : bytesWords(lagBytes);
  const time = lagMs === null ? '' : ` and ${timeWords(lagMs)}`;
  return `${name} is ${bytes}${time} behind the primary of ${cluster.name} (limits: ${bytesWords(limits.bytes ?? 0)}, ${countWords(limits.seconds ?? 0, 'second')}).`;
}
