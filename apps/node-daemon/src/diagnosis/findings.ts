import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { Operation } from '@quantadb/engine/contract/cluster-state';
import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import { type ClusterStatus, wellStates } from '@quantadb/engine/contract/status';

/** What looks wrong, judged from what was collected alone (pure). */

export const severities = ['critical', 'warning', 'info'] as const;
type Severity = (typeof severities)[number];

export interface Finding {
  severity: Severity;
  /** A cluster, `cluster/node`, or what could not be asked. */
  about: string;
  what: string;
  /** The next step. */
  next: string;
}

/** An alert of the console, which fires or is about to. */
export interface AlertTold {
  severity: Severity;
  subject: string;
  sentence: string;
  runbook: { look: string[]; command: string } | null;
}

export interface ClusterFacts {
  name: string;
  status: ClusterStatus | null;
  /** What the console's rules found; null: no console was asked, and the most important rules are judged here. */
  alerts: AlertTold[] | null;
  operations: Operation[];
  hosts: { name: string; told: HostDiagnosis }[];
  /** Null: not known. */
  backups: BackupOverview | null;
}

export interface Unanswered {
  what: string;
  why: string;
}

const volumeShareMin = 0.1;
const volumeShareCritical = 0.03;
const slowFsyncMs = 500;
const slowLoopMs = 1000;
const behindEntriesMax = 1000;
const certificateMsMin = 14 * 24 * 3_600_000;
const memoryShareMin = 0.05;
const operationsRecentMs = 24 * 3_600_000;

/** The worst first. Empty only when nothing was found and everything was answered. */
export function judgeDiagnosis(found: {
  clusters: readonly ClusterFacts[];
  unanswered: readonly Unanswered[];
  nowMs: number;
}): Finding[] {
  const findings = [
    ...found.unanswered.map(unansweredFinding),
    ...found.clusters.flatMap((cluster) => ofCluster(cluster, found.nowMs)),
  ];
  const rank = ({ severity }: Finding) => severities.indexOf(severity);
  return findings.sort((left, right) => rank(left) - rank(right));
}

function unansweredFinding({ what, why }: Unanswered): Finding {
  return {
    severity: 'warning',
    about: what,
    what: `could not be asked: ${why}`,
    next: 'What is wrong there is not known. Mend that, then run it again; on that host itself: quantadb diagnose --node <its host.json>.',
  };
}

function ofCluster(cluster: ClusterFacts, nowMs: number): Finding[] {
  const { name, status, alerts } = cluster;
  if (alerts) return [...alerts.map((alert) => ofAlert(name, alert)), ...ofHosts(cluster, nowMs)];
  if (!status) return ofHosts(cluster, nowMs);
  return [
    ...ofStatus(status),
    ...ofNodes(status),
    ...ofOperations(cluster, nowMs),
    ...ofBackups(cluster),
    ...ofHosts(cluster, nowMs),
  ];
}

function ofAlert(cluster: string, { severity, subject, sentence, runbook }: AlertTold): Finding {
  const [look] = runbook?.look ?? [];
  const next = [look, runbook?.command ? `Run: ${runbook.command}` : null].filter(Boolean).join(' ');
  return {
    ...{ severity, about: subject === '' ? cluster : `${cluster}/${subject}`, what: sentence },
    next: next || 'quantadb status',
  };
}

function ofStatus(status: ClusterStatus): Finding[] {
  const about = status.name;
  const findings: Finding[] = [];
  if (status.health !== 'healthy')
    findings.push({
      severity: status.health === 'down' ? 'critical' : 'warning',
      ...{ about, what: status.verdict },
      next: status.advice ?? 'Look at the nodes below; quantadb events tells what happened before.',
    });
  if (status.noQuorum)
    findings.push({
      ...{ severity: 'critical', about },
      what: `too few voters answer: ${status.noQuorum.missing.join(', ')} are missing`,
      next: `Bring back ${status.noQuorum.needed} of them: start their daemons, mend the network to them.`,
    });
  if (status.network && status.network.kind !== 'connected')
    findings.push({
      ...{ severity: 'warning', about, what: status.network.verdict },
      next: 'Check network and firewalls between the nodes that do not hear each other, for the API and the Raft port.',
    });
  if (status.spare?.isPrimaryAlone)
    findings.push({
      ...{ severity: 'critical', about, what: 'the primary alone acknowledges writes' },
      next: 'Bring a standby back, or add one: quantadb node add <host>.',
    });
  else if (status.spare?.nodes === 0)
    findings.push({
      ...{ severity: 'warning', about, what: 'the loss of one more node stops writes' },
      next: 'Bring a standby back, or add one: quantadb node add <host>.',
    });
  return findings;
}

function ofNodes(status: ClusterStatus): Finding[] {
  return status.nodes.flatMap((node) => {
    const about = `${status.name}/${node.name}`;
    const findings: Finding[] = [];
    if (!wellStates.has(node.state))
      findings.push({
        severity: node.state === 'unreachable' ? 'critical' : 'warning',
        ...{ about, what: `${node.state}${node.detail ? `: ${node.detail}` : ''}` },
        next:
          node.state === 'unreachable'
            ? 'Is the host up, does its daemon run (systemctl status quantadb-<host>), is its API port let through?'
            : `quantadb logs --of ${node.name}`,
      });
    if (node.pendingRestart.length > 0)
      findings.push({
        ...{ severity: 'info', about, what: `${node.pendingRestart.join(', ')} take effect with a restart` },
        next: 'quantadb rolling-restart',
      });
    return findings;
  });
}

function ofOperations({ name, operations }: ClusterFacts, nowMs: number): Finding[] {
  const last = operations.at(-1);
  if (last?.state !== 'failed' || nowMs - (last.endedAtMs ?? nowMs) > operationsRecentMs) return [];
  const next = 'quantadb operations tells at which step; retry it from there, or cancel it.';
  return [
    {
      severity: 'warning',
      about: name,
      what: `${last.kind} failed: ${last.error ?? 'without a word'}`,
      next,
    },
  ];
}

function ofBackups({ name, backups }: ClusterFacts): Finding[] {
  if (!backups) return [];
  const about = name;
  if (!backups.config)
    return [
      { severity: 'info', about, what: 'no backups are set up', next: 'quantadb backup configure --help' },
    ];
  if (backups.problem)
    return [
      {
        severity: 'critical',
        about,
        what: `the repository cannot be read: ${backups.problem}`,
        next: 'quantadb backup list',
      },
    ];
  if (backups.archiving?.failingSinceMs)
    return [
      {
        ...{
          severity: 'critical',
          about,
          what: `archiving fails, ${backups.archiving.waitingSegments} segments wait`,
        },
        next: 'The log of the primary quotes why: quantadb logs --source postgres --at-least warning',
      },
    ];
  return [];
}

function ofHosts(cluster: ClusterFacts, nowMs: number): Finding[] {
  const applied = cluster.hosts.flatMap(({ told }) => told.report.raft?.appliedIndex ?? []);
  const newest = Math.max(0, ...applied);
  return [
    ...cluster.hosts.flatMap(({ name, told }) => ofHost(`${cluster.name}/${name}`, told, { nowMs, newest })),
    ...ofReleases(cluster),
  ];
}

function ofHost(
  about: string,
  told: HostDiagnosis,
  { nowMs, newest }: { nowMs: number; newest: number },
): Finding[] {
  const { report, machine, volumes } = told;
  const findings: Finding[] = [];
  const add = (severity: Severity, what: string, next: string) =>
    findings.push({ severity, about, what, next });
  for (const { holds, directory, totalBytes, freeBytes } of volumes) {
    const share = totalBytes === 0 ? 1 : freeBytes / totalBytes;
    if (share >= volumeShareMin) continue;
    const severity = share < volumeShareCritical ? 'critical' : 'warning';
    const percent = (share * 100).toFixed(1);
    add(
      severity,
      `${percent} % of the volume of its ${holds} (${directory}) is free`,
      'Make room there, or give it a larger volume; look at slots that keep WAL.',
    );
  }
  if (machine.memoryFreeBytes / machine.memoryTotalBytes < memoryShareMin)
    add(
      'warning',
      'less than 5 % of its memory is available',
      'Lower shared_buffers or work_mem, or take other programs off the host, before the kernel kills a process.',
    );
  const { raft, vitals } = report;
  if ((raft?.fsyncMsMax ?? 0) > slowFsyncMs)
    add(
      'warning',
      `an fsync of the log of the cluster took ${Math.round(raft?.fsyncMsMax ?? 0)} ms`,
      'The disk of the state directory is slow or busy: elections may begin by it. Move it, or lighten its load.',
    );
  const loopMs = Math.max(raft?.loopDelayMsMax ?? 0, vitals?.mainLoopDelayMsMax ?? 0);
  if (loopMs > slowLoopMs)
    add(
      'warning',
      `its daemon was held up for ${Math.round(loopMs)} ms`,
      'The processor is used up, or the machine was paused: compare its load with its cores.',
    );
  if (raft && newest - raft.appliedIndex > behindEntriesMax)
    add(
      'warning',
      `its daemon is ${newest - raft.appliedIndex} entries of the log of the cluster behind`,
      'Look into its log: quantadb logs --source daemon.',
    );
  if (report.degraded)
    add(
      'critical',
      `it serves without a primary: ${report.degraded.reason}`,
      'quantadb status names what is missing.',
    );
  const leftMs = (report.certificateUntilMs ?? Number.POSITIVE_INFINITY) - nowMs;
  if (leftMs < certificateMsMin)
    add(
      leftMs < 0 ? 'critical' : 'warning',
      leftMs < 0
        ? 'its certificate has expired'
        : `its certificate expires in ${Math.floor(leftMs / 86_400_000)} days`,
      'It is renewed through the console: does this host reach it? Else enrol it again.',
    );
  return findings;
}

function ofReleases({ name, hosts }: ClusterFacts): Finding[] {
  const releases = [...new Set(hosts.map(({ told }) => told.report.version))].sort();
  if (releases.length < 2) return [];
  const what = `its daemons are of the releases ${releases.join(' and ')}`;
  return [
    { severity: 'info', about: name, what, next: 'Complete the upgrade: docs/operations/upgrades.md.' },
  ];
}

/** For people: each finding with its next step. */
export function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'Nothing looks wrong: everything was asked, and everything answered.';
  const lines = findings.map(
    ({ severity, about, what, next }) => `${severity.padEnd(8)} ${about}: ${what}\n         → ${next}`,
  );
  const count = findings.length === 1 ? 'One thing looks' : `${findings.length} things look`;
  return `${count} wrong, the worst first:\n\n${lines.join('\n')}`;
}
