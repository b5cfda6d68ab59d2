import type { NodeFigures } from '@quantadb/engine/contract/node-metrics';
import type { KnownCluster } from './known.ts';
import {
  type ClusterRule,
  isOver,
  isUnder,
  type Limit,
  type Look,
  type Question,
  type Severity,
} from './rule.ts';
import { bytesWords, countWords, percentWords, timeWords } from './words.ts';

/** Rules about what nodes measure of themselves (pure). A node that has not told is not judged. */

interface Wrong {
  sentence: string;
  severity?: Severity;
}

type Judge = (
  figures: NodeFigures,
  ask: Question & { node: string; where: string; isOn: boolean },
) => Wrong | null;

/** Nodes whose figures are missing now, members or not, keep what stands about them. */
function eachFigures(judge: Judge): (cluster: KnownCluster, question: Question) => Look {
  return (cluster, question) => {
    const silent = cluster.status.nodes.map(({ name }) => name).filter((name) => !cluster.figures.has(name));
    const findings = [...cluster.figures].flatMap(([node, figures]) => {
      const ask = { ...question, node, where: `${node} of ${cluster.name}`, isOn: question.stands(node) };
      const wrong = judge(figures, ask);
      return wrong ? [{ subject: node, ...wrong }] : [];
    });
    return { findings, unknown: silent };
  };
}

const percent = (words: string, usual: number): Limit => ({
  words,
  unit: 'percent',
  usual,
  min: 1,
  max: 100,
});

export const figureRules: ClusterRule[] = [
  {
    ...{ id: 'disk-full-soon', title: 'A disk fills', of: 'cluster', severity: 'warning', forSeconds: 120 },
    limits: {
      hours: { words: 'Full within', unit: 'hours', usual: 6, min: 0.1, max: 720 },
      critical: { words: 'Critical within', unit: 'hours', usual: 1, min: 0.1, max: 720 },
      minutes: { words: 'Watched for at least', unit: 'minutes', usual: 10, min: 3, max: 14 },
    },
    runbook: {
      means:
        'If it goes on as in the last minutes the volume of the data directory will be full. PostgreSQL stops when it is.',
      look: [
        'What grows: tables, WAL kept by a slot or by a failing archive, temporary files.',
        'The metrics page of the cluster: disk, WAL, slots.',
      ],
      command: 'df -h; du -xsh <data directory>/* | sort -h   # on that host',
    },
    look: eachFigures((figures, { limits, where, isOn }) => {
      const { diskFullSeconds, diskFreeBytes } = figures;
      if (diskFullSeconds === undefined || !isUnder(diskFullSeconds, (limits.hours ?? 0) * 3600, isOn))
        return null;
      if (!isWatchedLongEnough(figures, limits.minutes ?? 0)) return null;
      const free = diskFreeBytes === undefined ? '' : ` (${bytesWords(diskFreeBytes)} free now)`;
      const sentence = `The disk of ${where} will be full in ${timeWords(diskFullSeconds * 1000)}${free}.`;
      return worse(sentence, diskFullSeconds < (limits.critical ?? 0) * 3600);
    }),
  },
  {
    ...{
      id: 'disk-nearly-full',
      title: 'A disk is nearly full',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 60,
    },
    limits: { used: percent('Used more than', 85), critical: percent('Critical above', 95) },
    runbook: {
      means: 'Little is free on the volume of the data directory. PostgreSQL stops when it is full.',
      look: ['What takes the space: tables, WAL kept by slots or by a failing archive, logs.'],
      command: 'df -h   # on that host',
    },
    look: eachFigures(({ diskTotalBytes, diskFreeBytes }, { limits, where, isOn }) => {
      if (!diskTotalBytes || diskFreeBytes === undefined) return null;
      const used = 1 - diskFreeBytes / diskTotalBytes;
      // A tenth of the limit would be a tenth of the disk: what stands ends two hundredths below.
      if (used * 100 <= (limits.used ?? 0) - (isOn ? 2 : 0)) return null;
      const sentence = `The disk of ${where} is ${percentWords(used)} full: ${bytesWords(diskFreeBytes)} of ${bytesWords(diskTotalBytes)} are free.`;
      return worse(sentence, used * 100 > (limits.critical ?? 100));
    }),
  },
  {
    ...{
      id: 'slot-keeps-wal',
      title: 'A slot keeps much WAL',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 60,
    },
    limits: {
      bytes: {
        words: 'Keeps more than',
        unit: 'bytes',
        // Before PostgreSQL gives the WAL up: `max_slot_wal_keep_size` is 10 GB unless it was changed.
        usual: 6 * 1024 ** 3,
        min: 1024 ** 2,
        max: 1024 ** 5,
      },
    },
    runbook: {
      means:
        'A standby, a following cluster or a consumer of logical changes has not taken its WAL; it is kept for it and fills the disk.',
      look: ['pg_replication_slots: which slot is furthest behind, and whether somebody still uses it.'],
      command:
        'psql -c "SELECT slot_name, active, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots"',
    },
    look: eachFigures(({ slotBytes, diskFullSeconds }, { limits, where, isOn }) => {
      if (slotBytes === undefined || !isOver(slotBytes, limits.bytes ?? 0, isOn)) return null;
      const full =
        diskFullSeconds === undefined
          ? ''
          : ` The disk will be full in ${timeWords(diskFullSeconds * 1000)}.`;
      return {
        sentence: `A slot on ${where} keeps ${bytesWords(slotBytes)} of WAL (limit ${bytesWords(limits.bytes ?? 0)}).${full}`,
      };
    }),
  },
  {
    ...{
      id: 'transaction-ids',
      title: 'Transaction ids run out',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 300,
    },
    limits: {
      millions: { words: 'Older than (millions)', unit: 'count', usual: 500, min: 50, max: 2000 },
      critical: { words: 'Critical above (millions)', unit: 'count', usual: 1500, min: 50, max: 2000 },
    },
    runbook: {
      means:
        'Autovacuum does not freeze old rows. At about two billion PostgreSQL refuses writes to prevent wraparound.',
      look: [
        'What holds vacuum up: long transactions, prepared transactions, slots with an old xmin.',
        'Which database and tables are oldest (age(datfrozenxid), age(relfrozenxid)).',
      ],
      command: 'psql -c "SELECT datname, age(datfrozenxid) FROM pg_database ORDER BY 2 DESC"',
    },
    look: eachFigures(({ transactionIdAge }, { limits, where, isOn }) => {
      if (transactionIdAge === undefined) return null;
      const millions = transactionIdAge / 1e6;
      if (!isOver(millions, limits.millions ?? 0, isOn)) return null;
      const sentence = `The oldest transaction id of ${where} is ${Math.round(millions)} million transactions old; writes stop before 2000 million.`;
      return worse(sentence, millions > (limits.critical ?? 2000));
    }),
  },
  {
    ...{
      id: 'long-transaction',
      title: 'A transaction stays open',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 60,
    },
    limits: { minutes: { words: 'Open for more than', unit: 'minutes', usual: 60, min: 1, max: 10_080 } },
    runbook: {
      means: 'A long transaction keeps vacuum from removing old rows, and locks from being released.',
      look: [
        'Who it is: pg_stat_activity, state `idle in transaction` means that the application forgot to end it.',
      ],
      command:
        'psql -c "SELECT pid, usename, state, xact_start, left(query, 60) FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start LIMIT 5"',
    },
    look: eachFigures(({ longestTransactionSeconds: age, idleInTransaction }, { limits, where, isOn }) => {
      if (age === undefined || !isOver(age, (limits.minutes ?? 0) * 60, isOn)) return null;
      const words =
        idleInTransaction === 1 ? 'holds one open and does nothing' : 'hold one open and do nothing';
      const idle = idleInTransaction ? `, and ${countWords(idleInTransaction, 'session')} ${words}` : '';
      return { sentence: `A transaction on ${where} is open for ${timeWords(age * 1000)}${idle}.` };
    }),
  },
  {
    ...{
      id: 'connections-used-up',
      title: 'Connections are nearly used up',
      of: 'cluster',
      severity: 'warning',
    },
    forSeconds: 60,
    limits: { used: percent('Used more than', 90) },
    runbook: {
      means: 'PostgreSQL refuses new sessions when max_connections is reached.',
      look: ['Whether applications go through the router, which shares few connections among many clients.'],
      command:
        'psql -c "SELECT usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC"',
    },
    look: eachFigures(({ clients, clientsMax }, { limits, where, isOn }) => {
      if (
        clients === undefined ||
        !clientsMax ||
        !isOver((clients / clientsMax) * 100, limits.used ?? 0, isOn)
      )
        return null;
      return { sentence: `${where} has ${clients} of ${clientsMax} possible sessions.` };
    }),
  },
  {
    ...{
      id: 'router-queue',
      title: 'Clients wait for a server',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 30,
    },
    limits: { waiting: { words: 'Waiting more than', unit: 'count', usual: 20, min: 0, max: 100_000 } },
    runbook: {
      means: 'The pool of a router is used up: statements wait before they reach PostgreSQL.',
      look: ['Slow statements or locks that hold connections.', 'The size of the pools on the routers page.'],
      command: 'quantadb router',
    },
    look: eachFigures(({ routerWaiting, routerClients }, { limits, where, isOn }) => {
      if (routerWaiting === undefined || !isOver(routerWaiting, limits.waiting ?? 0, isOn)) return null;
      return {
        sentence: `${routerWaiting} of ${routerClients ?? 'its'} clients of the router on ${where} wait for a server.`,
      };
    }),
  },
  {
    ...{
      id: 'memory-low',
      title: 'Memory is nearly used up',
      of: 'cluster',
      severity: 'warning',
      forSeconds: 120,
    },
    limits: { available: percent('Available less than', 5) },
    runbook: {
      means: 'The system may begin to kill processes, and PostgreSQL is among the largest.',
      look: ['What takes it: work_mem times many sessions, other programs on the host.'],
      command: 'ps -eo rss,pid,comm --sort=-rss | head   # on that host',
    },
    look: eachFigures(({ memoryAvailableBytes: free, memoryTotalBytes: total }, { limits, where, isOn }) => {
      if (free === undefined || !total || !isUnder((free / total) * 100, limits.available ?? 0, isOn))
        return null;
      return { sentence: `${where} has ${bytesWords(free)} of ${bytesWords(total)} memory left.` };
    }),
  },
];

/**
 * Filling a new system, or any burst of minutes, would end in an alarm if it went on for hours. What is full within three times
 * as long as it was watched cannot wait to be seen for longer. An older release does not say how long it has watched.
 */
function isWatchedLongEnough(
  { diskFullSeconds = 0, diskTrendSeconds }: NodeFigures,
  minutes: number,
): boolean {
  if (diskTrendSeconds === undefined || diskTrendSeconds >= minutes * 60) return true;
  return diskFullSeconds <= 3 * diskTrendSeconds;
}

function worse(sentence: string, isWorse: boolean): Wrong {
  return isWorse ? { sentence, severity: 'critical' } : { sentence };
}
