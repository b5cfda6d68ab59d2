import { backupOverviewSchema } from '@quantadb/engine/contract/backup-view';
import { clusterStatusSchema } from '@quantadb/engine/contract/status';
import { describe, expect, it } from 'vitest';
import { type Identity, judge } from './judge.ts';
import type { Known, KnownCluster } from './known.ts';
import {
  type ChangedRules,
  effectiveRule,
  everywhere,
  type RuleSettings,
  ruleOf,
  rules,
  settingsProblem,
} from './rules.ts';

const clusterId = '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11';
const nowMs = 1_800_000_000_000;

function nodeOf(name: string, parts: object = {}) {
  const states =
    name === 'node-1' ? { role: 'primary', state: 'running' } : { role: 'standby', state: 'streaming' };
  return {
    ...{
      name,
      kind: 'data',
      detail: '',
      address: null,
      postgres: null,
      api: 'http://a',
      timeline: 2,
      lsn: null,
    },
    ...{ lagBytes: 0, lagMs: 0, sync: 'quorum', raft: 'voter', maintenance: false, clone: null },
    ...{ ...states, ...parts },
  };
}

function clusterOf(parts: Record<string, unknown> = {}, rest: Partial<KnownCluster> = {}): KnownCluster {
  const status = clusterStatusSchema.parse({
    ...{ name: 'demo', health: 'healthy', verdict: 'Healthy.', primary: 'node-1', epoch: 1, timeline: 2 },
    ...{ durability: 'quorum', revision: 1, raft: { leader: 'node-2', term: 1 }, connect: null, routers: [] },
    nodes: [nodeOf('node-1'), nodeOf('node-2'), nodeOf('node-3')],
    spare: { nodes: 1, isPrimaryAlone: false },
    ...parts,
  });
  return {
    ...{ clusterId, name: 'demo', status, ageMs: 500, figures: new Map(), backups: null },
    ...{ failovers: [], operations: [], ...rest },
  };
}

function knownOf(clusters: KnownCluster[], parts: Partial<Known> = {}): Known {
  return {
    ...{ nowMs, clusters, hosts: [] },
    installation: {
      databaseMs: 2,
      rowsDropped: 0,
      failedChannels: [],
      metadataBackup: null,
      guessedAccounts: [],
    },
    ...parts,
  };
}

const nothing: ChangedRules = new Map();
const firedBy = (known: Known, changed = nothing, standing: Identity[] = []) =>
  judge(known, changed, standing).conditions.map(({ rule, subject }) =>
    subject ? `${rule} ${subject}` : rule,
  );

describe('rules', () => {
  it('I-ALERT-1: find nothing wrong with a cluster that is well', () => {
    expect(firedBy(knownOf([clusterOf()]))).toEqual([]);
  });

  it('have one id each, a runbook with a next command, and usual limits that they take themselves', () => {
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    for (const rule of rules) {
      expect(
        rule.runbook.means.length * rule.runbook.look.length * rule.runbook.command.length,
      ).toBeGreaterThan(0);
      const limits = Object.fromEntries(
        Object.entries(rule.limits).map(([name, { usual }]) => [name, usual]),
      );
      expect(settingsProblem(rule, { limits })).toBeNull();
    }
  });

  it('name the node that is gone, and that the next loss stops writes', () => {
    const gone = nodeOf('node-3', {
      role: 'none',
      state: 'unreachable',
      detail: 'its daemon does not answer',
    });
    const nodes = [nodeOf('node-1'), nodeOf('node-2'), gone];
    const { conditions } = judge(
      knownOf([clusterOf({ nodes, spare: { nodes: 0, isPrimaryAlone: false } })]),
      nothing,
      [],
    );
    expect(conditions.map(({ rule, subject }) => [rule, subject])).toEqual([
      ['no-spare-node', ''],
      ['node-unreachable', 'node-3'],
    ]);
    expect(conditions[1]?.sentence).toBe(
      'node-3 (data) of demo does not answer: its daemon does not answer.',
    );
  });

  it('do not call a whole cluster of two an alarm, and do call a primary one that confirms alone', () => {
    const two = [nodeOf('node-1'), nodeOf('node-2')];
    expect(firedBy(knownOf([clusterOf({ nodes: two, spare: { nodes: 0, isPrimaryAlone: false } })]))).toEqual(
      [],
    );
    expect(firedBy(knownOf([clusterOf({ nodes: two, spare: { nodes: 0, isPrimaryAlone: true } })]))).toEqual([
      'primary-alone',
    ]);
    const async = { nodes: two, durability: 'async', spare: { nodes: 0, isPrimaryAlone: true } };
    expect(firedBy(knownOf([clusterOf(async)]))).toEqual([]);
  });

  it('say that nobody takes writes, once: without a majority it is the majority that is missing', () => {
    const nodes = [nodeOf('node-2'), nodeOf('node-3')];
    expect(firedBy(knownOf([clusterOf({ nodes, primary: null, health: 'down', spare: null })]))).toEqual([
      'no-primary',
    ]);
    const noQuorum = { sinceMs: 1, missing: ['node-1', 'node-3'], needed: 1, readers: [], closed: [] };
    expect(
      firedBy(knownOf([clusterOf({ nodes, primary: null, health: 'down', spare: null, noQuorum })])),
    ).toEqual(['no-quorum']);
  });

  it('I-ALERT-2: judge nothing but the silence of a cluster that is silent', () => {
    const nodes = [nodeOf('node-1', { state: 'unreachable', role: 'none' })];
    const { conditions, isUnknown } = judge(knownOf([clusterOf({ nodes }, { ageMs: 60_000 })]), nothing, []);
    expect(conditions.map(({ rule, sentence }) => [rule, sentence])).toEqual([
      ['cluster-silent', 'No host of demo has reported for 60 s.'],
    ]);
    expect(isUnknown({ rule: 'node-unreachable', clusterId, subject: 'node-1' })).toBe(true);
    expect(isUnknown({ rule: 'disk-nearly-full', clusterId, subject: 'node-1' })).toBe(true);
    expect(isUnknown({ rule: 'cluster-silent', clusterId, subject: '' })).toBe(false);
  });

  it('judge lag by bytes or by time, leave out who is late on purpose, and end only clearly below the limit', () => {
    const late = (lagMs: number, parts: object = {}) =>
      knownOf([clusterOf({ nodes: [nodeOf('node-1'), nodeOf('node-2', { lagMs, ...parts })] })]);
    expect(firedBy(late(61_000))).toEqual(['replication-lag node-2']);
    expect(firedBy(late(61_000, { state: 'delayed' }))).toEqual([]);
    expect(firedBy(late(59_000))).toEqual([]);
    const standing = [{ rule: 'replication-lag', clusterId, subject: 'node-2' }];
    expect(firedBy(late(59_000), nothing, standing)).toEqual(['replication-lag node-2']);
    expect(firedBy(late(53_000), nothing, standing)).toEqual([]);
  });

  it('judge what nodes measure of themselves, with the numbers', () => {
    const figures = new Map([
      ['node-1', { diskTotalBytes: 100e9, diskFreeBytes: 4e9, diskFullSeconds: 1800, transactionIdAge: 6e8 }],
      ['node-2', { clients: 95, clientsMax: 100, slotBytes: 8 * 1024 ** 3, longestTransactionSeconds: 7200 }],
    ]);
    const { conditions, isUnknown } = judge(knownOf([clusterOf({}, { figures })]), nothing, []);
    expect(conditions.map(({ rule, subject, severity }) => `${subject} ${rule} ${severity}`)).toEqual([
      ...[
        'node-1 disk-full-soon critical',
        'node-1 disk-nearly-full critical',
        'node-2 slot-keeps-wal warning',
      ],
      ...[
        'node-1 transaction-ids warning',
        'node-2 long-transaction warning',
        'node-2 connections-used-up warning',
      ],
    ]);
    expect(conditions[0]?.sentence).toBe(
      'The disk of node-1 of demo will be full in 30 min (3.7 GB free now).',
    );
    expect(isUnknown({ rule: 'disk-nearly-full', clusterId, subject: 'node-3' })).toBe(true);
  });

  it('speak of hosts: certificates that are not renewed, clocks, silence of one that is not the cluster’s', () => {
    const host = {
      name: 'node-1',
      clusterId,
      lastSeenMs: nowMs,
      clockAheadMs: 10,
      certificateUntilMs: nowMs + 200 * 86_400_000,
    };
    const hosts = [
      { ...host, certificateUntilMs: nowMs + 3 * 86_400_000 },
      { ...host, name: 'node-2', clockAheadMs: -9000 },
      { ...host, name: 'node-3', lastSeenMs: nowMs - 600_000 },
    ];
    expect(firedBy(knownOf([clusterOf()], { hosts }))).toEqual([
      ...['host-silent node-3', 'certificate-expires node-1', 'clock-differs node-2'],
    ]);
    expect(firedBy(knownOf([clusterOf({}, { ageMs: 600_000 })], { hosts }))).not.toContain(
      'host-silent node-3',
    );
  });

  it('tell of a failed operation until one of its kind is done', () => {
    const failed = {
      id: 'a',
      kind: 'switchover',
      state: 'failed',
      error: 'too slow',
      endedAtMs: nowMs - 1000,
    };
    const done = { ...failed, id: 'b', state: 'done', error: null, endedAtMs: nowMs - 500 };
    expect(firedBy(knownOf([clusterOf({}, { operations: [failed] })]))).toEqual(['operation-failed a']);
    expect(firedBy(knownOf([clusterOf({}, { operations: [done, failed] })]))).toEqual([]);
  });
});

const hour = 3_600_000;

function jobOf(kind: 'backup' | 'verify' | 'drill', parts: object = {}) {
  const work = kind === 'backup' ? { kind, type: 'full' } : { kind };
  return {
    ...{ id: `${kind}-1`, work, trigger: 'schedule', scheduleId: null, requestedBy: 'x', reason: '' },
    ...{ state: 'done', node: 'node-2', fromStandby: true, attempt: 1, notBeforeMs: 0, startedAtMs: 0 },
    ...{ endedAtMs: nowMs - hour, detail: '', percent: null, bytesDone: null, warnings: [], result: null },
    ...parts,
  };
}

/** As a host tells it: all is well, with a backup of an hour ago. */
function backupsOf(parts: Record<string, unknown> = {}, repository: Record<string, unknown> = {}) {
  const place = { type: 'host', host: 'witness-1', path: '/backups' };
  const backup = {
    ...{ label: 'A', type: 'full', prior: null, references: [], startLsn: '0/1', stopLsn: '0/2' },
    ...{ startWal: 'W', stopWal: 'W', databaseId: 1, databaseBytes: 1, copiedBytes: 1, repositoryBytes: 1 },
    ...{ hasPageErrors: false, notes: {}, unusable: null, keptBecause: [], goes: null },
    ...{ startMs: nowMs - 2 * hour, stopMs: nowMs - hour },
  };
  return backupOverviewSchema.parse({
    config: {
      ...{ stanza: 'demo', revision: 1, repository: place, impact: {}, schedules: [], retention: {} },
      ...{ drills: null, archiveTimeoutSeconds: 60 },
    },
    ...{ job: null, pastJobs: [], points: [], nextRuns: [], lastDrill: null, lastVerification: null },
    ...{ problem: null, look: null, servers: [] },
    archiving: { lastWal: 'W', lastAtMs: nowMs - 1000, failingSinceMs: null, waitingSegments: 0 },
    repository: {
      ...{ atMs: nowMs, state: 'ok', detail: '', backups: [backup], gaps: [], timelines: [], conflicts: [] },
      ...{ newest: { timeline: 1, lsn: '0/3', atMs: nowMs }, expiring: [] },
      intervals: [
        {
          ...{ timeline: 1, fromLsn: '0/2', toLsn: '0/3', fromMs: nowMs - hour, toMs: nowMs - 1000 },
          ...{ labels: ['A'], isAbandoned: false },
        },
      ],
      ...repository,
    },
    ...parts,
  });
}

const judged = (backups: ReturnType<typeof backupsOf>, standing: Identity[] = []) =>
  judge(knownOf([clusterOf({}, { backups })]), nothing, standing);
const told = (backups: ReturnType<typeof backupsOf>) =>
  judged(backups).conditions.map(({ rule, subject, severity }) =>
    [rule, subject, severity].filter(Boolean).join(' '),
  );

describe('rules about backups', () => {
  it('find nothing wrong while they are made, arrive and were read', () => {
    expect(told(backupsOf())).toEqual([]);
  });

  it('tell that the server of a repository does not run, whose data cannot be read, and wait for one that begins', () => {
    const server = (state: string, detail = '') => ({ state, port: 8432, detail });
    const down = backupsOf({
      servers: [
        { node: 'witness-1', gives: 'repository', server: server('failed', 'unable to bind') },
        { node: 'node-1', gives: 'data', server: null },
        { node: 'node-2', gives: 'data', server: server('running') },
      ],
    });
    expect(told(down)).toEqual([
      'backup-server-down witness-1 critical',
      'backup-server-down node-1 warning',
    ]);
    expect(judged(down).conditions[0]?.sentence).toBe(
      'The server by which witness-1 gives the repository of demo does not run: it has ended: unable to bind',
    );
    const begins = [{ node: 'witness-1', gives: 'repository', server: server('starting') }];
    const { conditions, isUnknown } = judged(backupsOf({ servers: begins }));
    expect(conditions).toEqual([]);
    expect(isUnknown({ rule: 'backup-server-down', clusterId, subject: 'witness-1' })).toBe(true);
  });

  it('tell what a verification found, and what can still be restored', () => {
    const verification = {
      ...{ ok: false, wal: { checked: 9, valid: 9, problems: [] }, other: [] },
      backups: [{ label: 'A', ok: false, checked: 3, valid: 2, problems: ['bundle/1'] }],
    };
    const result = { kind: 'verify', verification, gaps: [] };
    const found = backupsOf({ lastVerification: jobOf('verify', { result }) });
    expect(told(found)).toEqual(['backup-damaged critical']);
    expect(judged(found).conditions[0]?.sentence).toMatch(
      /^The repository of demo is damaged: A: bundle\/1. What can still be restored: 20\S+Z to 20\S+Z.$/,
    );
    const copy = { label: 'A', ok: false, checked: 3, valid: 3, problems: ['a file and its copy differ'] };
    const copied = { kind: 'verify', verification: { ...verification, backups: [copy] }, gaps: [] };
    expect(told(backupsOf({ lastVerification: jobOf('verify', { result: copied }) }))).toEqual([
      'backup-damaged warning',
    ]);
    const whole = { ...verification, ok: true, backups: [] };
    const good = jobOf('verify', { result: { kind: 'verify', verification: whole, gaps: [] } });
    expect(told(backupsOf({ lastVerification: good }))).toEqual([]);
  });

  it('tell of a gap that no backup follows, before anybody verifies', () => {
    const gap = { timeline: 1, fromWal: 'W3', toWal: 'W3', segments: 1, afterLsn: '0/3', kind: 'missing' };
    expect(told(backupsOf({}, { gaps: [{ ...gap, resumesWith: null }] }))).toEqual([
      'backup-damaged critical',
    ]);
    expect(told(backupsOf({}, { gaps: [{ ...gap, resumesWith: 'B' }] }))).toEqual([]);
  });

  it('tell of a drill that failed, and of one whose copy was not whole', () => {
    const failed = jobOf('drill', { state: 'failed', detail: 'no room' });
    expect(told(backupsOf({ pastJobs: [failed] }))).toEqual(['backup-failed drill warning']);
    const drill = {
      ...{ label: 'A', recoveredToMs: null, databaseBytes: 1, restoreMs: 1, recoveryMs: 1, checksMs: 1 },
      findings: [{ what: 'pg_amcheck of app', ok: false, detail: 'a row is broken' }],
    };
    const job = jobOf('drill', { result: { kind: 'drill', drill } });
    expect(told(backupsOf({ pastJobs: [job], lastDrill: job }))).toEqual(['drill-not-whole critical']);
  });

  it('tell that no backup was made for longer than the schedules promise', () => {
    const old = (ageMs: number, runs: number[][]) => {
      const seen = backupsOf({
        nextRuns: runs.map((atMs, at) => ({ scheduleId: `s${at}`, what: 'full', atMs })),
      });
      const backups = seen.repository?.backups.map((each) => ({ ...each, stopMs: nowMs - ageMs })) ?? [];
      return told({ ...seen, repository: seen.repository && { ...seen.repository, backups } });
    };
    const every = (pauseMs: number, count = 5) =>
      Array.from({ length: count }, (_, at) => nowMs + at * pauseMs);
    const tooOld = ['backup-too-old warning'];
    expect(old(40 * hour, [])).toEqual(tooOld);
    expect(old(35 * hour, [])).toEqual([]);
    expect(old(11 * hour, [every(6 * hour)])).toEqual([]);
    expect(old(13 * hour, [every(6 * hour)])).toEqual(tooOld);
    // Weekly alone is as promised; with a daily one beside it, it is not.
    expect(old(100 * hour, [every(168 * hour)])).toEqual([]);
    expect(old(100 * hour, [every(168 * hour), every(24 * hour)])).toEqual(tooOld);
  });

  it('tell that archiving fails', () => {
    const archiving = {
      ...{ lastWal: 'W', lastAtMs: nowMs - hour, failingSinceMs: nowMs - hour, waitingSegments: 3 },
    };
    expect(told(backupsOf({ archiving }))).toContain('archiving-fails critical');
  });
});

describe('what people change about rules', () => {
  const rule = ruleOf('replication-lag');
  if (!rule) throw new Error('the rule is gone');

  it('I-ALERT-3: a cluster’s own limit counts before that of all, and a rule that is off is not judged', () => {
    const changed: ChangedRules = new Map<string, Map<string, RuleSettings>>([
      [
        'replication-lag',
        new Map([
          [everywhere, { limits: { seconds: 5 } }],
          [clusterId, { limits: { seconds: 500 } }],
        ]),
      ],
      ['node-unreachable', new Map([[everywhere, { isOn: false }]])],
    ]);
    expect(effectiveRule(rule, changed, clusterId).limits).toMatchObject({ seconds: 500 });
    expect(effectiveRule(rule, changed, 'another').limits).toMatchObject({
      seconds: 5,
      bytes: 256 * 1024 ** 2,
    });
    const nodes = [
      nodeOf('node-1'),
      nodeOf('node-2', { state: 'unreachable', role: 'none' }),
      nodeOf('node-3', { lagMs: 90_000 }),
    ];
    expect(firedBy(knownOf([clusterOf({ nodes })]), changed)).toEqual([]);
  });

  it('are refused when they name no limit or lie beyond its bounds', () => {
    expect(settingsProblem(rule, { limits: { hours: 1 } })).toContain('no limit hours');
    expect(settingsProblem(rule, { limits: { seconds: 0 } })).toContain('between 1 and');
  });
});
