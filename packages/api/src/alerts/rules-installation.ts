import {
  found,
  type HostRule,
  type InstallationRule,
  isOver,
  isUnder,
  type Look,
  nothing,
  type Severity,
} from './rule.ts';
import { countWords, timeWords } from './words.ts';

/** Rules about hosts and the control plane itself (pure). */

const day = 24 * 3_600_000;

function about(subject: string, sentence: string, severity?: Severity): Look {
  return found({ subject, sentence, ...(severity ? { severity } : {}) });
}

export const hostRules: HostRule[] = [
  {
    ...{ id: 'host-silent', title: 'A host does not report', of: 'host', severity: 'warning', forSeconds: 0 },
    limits: { seconds: { words: 'Silent for', unit: 'seconds', usual: 120, min: 30, max: 86_400 } },
    runbook: {
      means: 'An enrolled host is not connected to the console. Its cluster may hear it all the same.',
      look: [
        'Whether the host and its daemon run.',
        'Whether it reaches the console: address, firewall, certificate.',
      ],
      command: "journalctl -u 'quantadb-*' -n 50   # on that host",
    },
    look: ({ name, lastSeenMs, clusterId }, { nowMs, limits, known }) => {
      const silence = (limits.seconds ?? 0) * 1000;
      if (lastSeenMs === null || nowMs - lastSeenMs <= silence) return nothing;
      const cluster = known.clusters.find((each) => each.clusterId === clusterId);
      // When nobody of its cluster reports, that is one alert and not one for every host.
      if (cluster && cluster.ageMs > 30_000) return nothing;
      return about(name, `Host ${name} has not reported for ${timeWords(nowMs - lastSeenMs)}.`);
    },
  },
  {
    ...{
      id: 'certificate-expires',
      title: 'A host certificate expires',
      of: 'host',
      severity: 'warning',
      forSeconds: 0,
    },
    limits: {
      days: { words: 'Expires within', unit: 'days', usual: 21, min: 1, max: 3650 },
      critical: { words: 'Critical within', unit: 'days', usual: 5, min: 0, max: 3650 },
    },
    runbook: {
      means:
        'Hosts renew their certificates by themselves at half of their life: this one could not. Without it, its peers will not speak to it.',
      look: [
        'Whether the host is connected to the console; the log of its daemon says why a renewal failed.',
        'Its clock.',
      ],
      command: "journalctl -u 'quantadb-*' | grep -i certificate   # on that host",
    },
    look: ({ name, certificateUntilMs }, { nowMs, limits, stands }) => {
      const leftMs = certificateUntilMs - nowMs;
      if (!isUnder(leftMs, (limits.days ?? 0) * day, stands(name))) return nothing;
      const sentence = `The certificate of host ${name} ${leftMs > 0 ? `expires in ${timeWords(leftMs)}` : 'has expired'}.`;
      return about(name, sentence, leftMs < (limits.critical ?? 0) * day ? 'critical' : undefined);
    },
  },
  {
    ...{ id: 'clock-differs', title: 'A clock is wrong', of: 'host', severity: 'warning', forSeconds: 60 },
    limits: { seconds: { words: 'Differs by more than', unit: 'seconds', usual: 5, min: 1, max: 86_400 } },
    runbook: {
      means:
        'The clock of a host differs from the console’s. Leases do not depend on it; certificates, logs and points in time do.',
      look: ['The time service of the host, and of the console: either may be wrong.'],
      command: 'timedatectl   # on that host',
    },
    look: ({ name, clockAheadMs }, { limits, stands }) => {
      if (clockAheadMs === null) return { findings: [], unknown: [name] };
      if (!isOver(Math.abs(clockAheadMs), (limits.seconds ?? 0) * 1000, stands(name))) return nothing;
      const way = clockAheadMs > 0 ? 'ahead of' : 'behind';
      return about(
        name,
        `The clock of host ${name} is ${timeWords(Math.abs(clockAheadMs))} ${way} the console’s.`,
      );
    },
  },
];

export const installationRules: InstallationRule[] = [
  {
    ...{
      id: 'metadata-slow',
      title: 'The metadata database is slow',
      of: 'installation',
      severity: 'warning',
    },
    forSeconds: 60,
    limits: {
      ms: { words: 'Answers after more than (ms)', unit: 'count', usual: 1000, min: 10, max: 60_000 },
    },
    runbook: {
      means:
        'The console’s own PostgreSQL answers slowly: pages and history lag. The clusters are not affected.',
      look: ['Load, disk and locks of the server that holds the metadata.'],
      command: 'psql "$QUANTADB_DATABASE_URL" -c "SELECT * FROM pg_stat_activity WHERE state = \'active\'"',
    },
    look: ({ databaseMs }, { limits, stands }) =>
      isOver(databaseMs, limits.ms ?? 0, stands(''))
        ? about('', `The metadata database needed ${Math.round(databaseMs)} ms for a trivial question.`)
        : nothing,
  },
  {
    ...{
      id: 'history-lost',
      title: 'History is not stored',
      of: 'installation',
      severity: 'warning',
      forSeconds: 0,
    },
    limits: {},
    runbook: {
      means:
        'Rows of metric history were dropped because the metadata database did not take them. Charts have gaps there.',
      look: ['The log of the console.', 'Space and load of the metadata database.'],
      command: 'curl -s <console>/metrics | grep dropped',
    },
    look: ({ rowsDropped }) =>
      rowsDropped > 0
        ? about('', `${countWords(rowsDropped, 'row')} of history were dropped in the last five minutes.`)
        : nothing,
  },
  {
    ...{ id: 'metadata-backup-old', title: 'The metadata is not backed up', of: 'installation' },
    ...{ severity: 'warning', forSeconds: 0 },
    limits: { late: { words: 'Later than configured by', unit: 'hours', usual: 6, min: 0, max: 8760 } },
    runbook: {
      means:
        'The console makes no copy of its people, hosts and certificate authority any more: what changed since the last one would be lost with the metadata database.',
      look: [
        'What the last attempt said: the sentence, and the log of the console.',
        'The directory: mounted, writable, space left. The client programs of PostgreSQL: at least as new as the server.',
      ],
      command: 'ls -l "$QUANTADB_METADATA_BACKUP_DIRECTORY"   # on the host of the console',
    },
    look: ({ metadataBackup }, { limits }) => {
      if (!metadataBackup || metadataBackup.overdueMs <= (limits.late ?? 0) * 3_600_000) return nothing;
      const { ageMs, everyHours, problem } = metadataBackup;
      const last = ageMs === null ? 'was never backed up' : `was last backed up ${timeWords(ageMs)} ago`;
      const every = `one every ${countWords(everyHours, 'hour')} is configured`;
      return about('', `The metadata ${last}; ${every}${problem ? `: ${problem}` : ''}.`);
    },
  },
  {
    ...{
      id: 'channel-fails',
      title: 'Messages do not arrive',
      of: 'installation',
      severity: 'warning',
      forSeconds: 0,
    },
    limits: {},
    runbook: {
      means: 'Messages through a channel were given up after every attempt: people were not told of alerts.',
      look: ['The channel: “Send test” shows what the other side answers.'],
      command:
        'curl -sS -X POST <console>/api/v1/alerts/channels/<id>/test --json "{}" -H "authorization: Bearer <token>"',
    },
    look: ({ failedChannels }) =>
      found(
        ...failedChannels.map(({ channel, messages, lastError }) => ({
          subject: channel,
          sentence: `${countWords(messages, 'message')} through ${channel} could not be delivered: ${lastError}`,
        })),
      ),
  },
  {
    ...{
      id: 'passwords-guessed',
      title: 'Somebody tries passwords',
      of: 'installation',
      severity: 'warning',
    },
    forSeconds: 0,
    limits: {},
    runbook: {
      means:
        'Of one account more passwords were tried within minutes than a person mistypes, from however many addresses. Browsers in which it was signed in before go on; all others may try one password a minute.',
      look: [
        'The audit log: refused sign-ins of that account, and whether one that is none of its person’s has succeeded.',
        'Whether the account has a second factor, and whether the console has to be reachable from where the attempts come.',
      ],
      command: 'curl -s "<console>/api/v1/audit?action=sign-in" -H "authorization: Bearer <token>"',
    },
    look: ({ guessedAccounts }) =>
      found(
        ...guessedAccounts.map((account) => ({
          subject: account,
          sentence: `So many passwords of ${account} were tried that whoever has not signed in to it before has to wait.`,
        })),
      ),
  },
];
