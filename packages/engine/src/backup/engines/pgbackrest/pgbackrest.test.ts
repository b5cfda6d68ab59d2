import { describe, expect, it } from 'vitest';
import { backupImpactSchema, repositorySchema, repositorySecretsSchema } from '../../../contract/backup.ts';
import { type ConfigurationInput, renderConfiguration, renderServerConfiguration } from './configuration.ts';
import { damagedCopies } from './copies.ts';
import { failureOf, warningsOf } from './failures.ts';
import { parseInfo } from './info.ts';
import { parseListing } from './listing.ts';
import { ProgressLog, percentOf } from './progress.ts';
import { formatTargetTime, restoreArguments } from './target.ts';
import { labelsInProgress, parseVerification } from './verification.ts';
import { parseVersion, versionProblem } from './versions.ts';

const posix: ConfigurationInput = {
  stanza: 'demo',
  workDir: '/state/backup',
  repository: repositorySchema.parse({ type: 'posix', path: '/repo' }),
  secrets: repositorySecretsSchema.parse({}),
  impact: backupImpactSchema.parse({}),
  servers: [
    { dataDir: '/n1/data', port: 5501, socketDir: '/n1/run', remote: null },
    {
      dataDir: '/n2/data',
      port: 5432,
      socketDir: '/n2/run',
      remote: { host: 'db-2', port: 8432, caFile: '/ca', certFile: '/crt', keyFile: '/key' },
    },
  ],
  databaseRole: 'quantadb',
};

describe('the configuration', () => {
  it('names this host first and reaches another one over mutual TLS', () => {
    const text = renderConfiguration(posix);
    expect(text).toContain('[demo]\npg1-path=/n1/data\npg1-port=5501\npg1-socket-path=/n1/run\n');
    expect(text).toContain('pg2-host=db-2\npg2-host-type=tls\npg2-host-port=8432\n');
  });

  it('never archives in the background, never drops WAL, and never expires by itself', () => {
    const text = renderConfiguration(posix);
    expect(text).toContain('archive-async=n');
    expect(text).not.toContain('archive-push-queue-max');
    expect(text).not.toContain('retention');
    expect(text).toContain('expire-auto=n');
    expect(text).not.toContain('repo1-block');
  });

  it('holds the secrets of an encrypted S3 repository, and refuses to be written without them', () => {
    const repository = repositorySchema.parse({
      ...{
        type: 's3',
        bucket: 'b',
        endpoint: 's3.local:9000',
        region: 'eu',
        uriStyle: 'path',
        encrypted: true,
      },
    });
    const secrets = repositorySecretsSchema.parse({ cipherPass: 'p q', s3Key: 'k', s3KeySecret: 's' });
    const text = renderConfiguration({ ...posix, repository, secrets });
    expect(text).toContain('repo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=p q\n');
    expect(text).toContain('repo1-s3-key=k\nrepo1-s3-key-secret=s\n');
    expect(() => renderConfiguration({ ...posix, repository })).toThrow('is missing');
  });

  it('cannot be made to hold an option by a line break in a value', () => {
    const [first] = posix.servers;
    const servers = [
      { dataDir: '/d\nrepo1-path=/else', port: 1, socketDir: first?.socketDir ?? '', remote: null },
    ];
    expect(() => renderConfiguration({ ...posix, servers })).toThrow('line breaks');
    expect(() => repositorySchema.parse({ type: 'posix', path: '/a\nb=c' })).toThrow();
  });

  it('of a server answers only the members of the cluster, for this stanza', () => {
    const files = { caFile: '/ca', certFile: '/crt', keyFile: '/key' };
    const text = renderServerConfiguration({
      ...{ workDir: '/w', stanza: 'demo', listen: { host: '0.0.0.0', port: 8432 }, ...files },
      clients: ['node-1', 'node-2'],
      repository: null,
    });
    expect(text).toContain('tls-server-auth=node-1=demo\ntls-server-auth=node-2=demo\n');
    expect(text).not.toContain('repo1-');
  });

  it('I-REPOSITORY-2: keeps the passphrase of a repository on the host that holds it', () => {
    const files = { caFile: '/ca', certFile: '/crt', keyFile: '/key' };
    const repository = repositorySchema.parse({ type: 'host', host: 'w', path: '/repo', encrypted: true });
    const secrets = repositorySecretsSchema.parse({ cipherPass: 'a passphrase' });
    const repositoryHost = { host: '10.0.0.4', port: 8432, ...files };
    const node = renderConfiguration({ ...posix, repository, secrets, repositoryHost });
    expect(node).toContain(
      'repo1-path=/repo\nrepo1-host=10.0.0.4\nrepo1-host-type=tls\nrepo1-host-port=8432\n',
    );
    expect(node).not.toContain('a passphrase');
    expect(node).not.toContain('repo1-type');
    const own = renderConfiguration({ ...posix, repository, secrets });
    expect(own).toContain('repo1-type=posix\nrepo1-path=/repo\n');
    expect(own).toContain('repo1-cipher-pass=a passphrase\n');
    const server = renderServerConfiguration({
      ...{ workDir: '/w', stanza: 'demo', listen: { host: '0.0.0.0', port: 8432 }, ...files },
      ...{ clients: ['node-1'], repository: { repository, secrets } },
    });
    expect(server).toContain('repo1-cipher-pass=a passphrase\n');
  });
});

describe('versions', () => {
  it('say before the first backup which PostgreSQL they cannot serve', () => {
    const debian = parseVersion('pgBackRest 2.45\n');
    expect(versionProblem(debian, 15)).toBeNull();
    expect(versionProblem(debian, 16)).toContain('2.46 or newer');
    expect(versionProblem(parseVersion('pgBackRest 2.53.1'), 17)).toBeNull();
    expect(versionProblem(debian, 99)).toContain('not known');
    expect(versionProblem(parseVersion('pgBackRest 2.30'), 15)).toContain('too old');
    expect(versionProblem(parseVersion('something else'), 15)).toContain('Install');
  });
});

describe('what a restore stops at', () => {
  const base = { label: '20261127-223129F', timeline: 3 };

  it('always names the backup and the timeline, and never lets the copy archive', () => {
    const given = restoreArguments({ ...base, target: { kind: 'name', name: 'before the release' } });
    expect(given).toEqual([
      ...['--set=20261127-223129F', '--target-timeline=3', '--archive-mode=off'],
      ...['--type=name', '--target=before the release', '--target-action=promote'],
    ]);
  });

  it('sends times with an explicit offset', () => {
    expect(formatTargetTime(Date.parse('2026-11-23T05:01:27.5+01:00'))).toBe('2026-11-23 04:01:27.500+00');
    const target = { kind: 'time', atMs: 0, inclusive: false } as const;
    const given = restoreArguments({ ...base, target });
    expect(given).toContain('--target=1970-01-01 00:00:00.000+00');
    expect(given).toContain('--target-exclusive');
  });

  it('gives no action without a target, and no timeline for the backup itself: both are refused', () => {
    expect(restoreArguments({ ...base, target: { kind: 'latest' } }).join(' ')).not.toContain(
      '--target-action',
    );
    expect(restoreArguments({ ...base, target: { kind: 'backup' } })).toEqual([
      ...['--set=20261127-223129F', '--archive-mode=off', '--type=immediate', '--target-action=promote'],
    ]);
  });

  it('refuses what could be read as another option or another target', () => {
    const wrong = { kind: 'xid', xid: '1 OR 2', inclusive: true } as const;
    expect(() => restoreArguments({ ...base, target: wrong })).toThrow('cannot be a recovery target');
    expect(() => restoreArguments({ ...base, label: 'latest', target: { kind: 'latest' } })).toThrow();
  });
});

describe('a verification', () => {
  const sound = [
    ...['stanza: demo', 'status: ok', '  archiveId: 15-1, total WAL checked: 6, total valid WAL: 6'],
    '    missing: 0, checksum invalid: 0, size invalid: 0, other: 0',
    '  backup: 20261127-223129F, status: valid, total files checked: 965, total valid files: 965',
    '    missing: 0, checksum invalid: 0, size invalid: 0, other: 0',
  ];

  it('passes only by its text: the exit code is 0 in any case', () => {
    expect(parseVerification(sound.join('\n'), '')).toMatchObject({
      ok: true,
      wal: { checked: 6, problems: [] },
    });
    expect(parseVerification('', '').ok).toBe(false);
    expect(parseVerification(sound.join('\n').replace('status: ok', 'status: error'), '').ok).toBe(false);
  });

  it('fails when fewer files are valid than were checked, whatever the status says', () => {
    expect(parseVerification(sound.join('\n').replace('valid files: 965', 'valid files: 964'), '').ok).toBe(
      false,
    );
    expect(parseVerification(sound.join('\n').replace('valid WAL: 6', 'valid WAL: 5'), '').ok).toBe(false);
  });

  it('names the damaged files', () => {
    const text = sound
      .join('\n')
      .replace('status: ok', 'status: error')
      .replace('status: valid', 'status: invalid');
    const log = [
      "INFO: invalid checksum '20261127-223129F/pg_data/base/5/16384.zst'",
      'INFO: invalid result 15-1/0000000100000000/000000010000000000000023-10eabd.lz4: [29] raised from local-1 protocol: lz4 error',
    ].join('\n');
    const { ok, backups, wal } = parseVerification(text, log);
    expect(ok).toBe(false);
    expect(backups[0]?.problems).toEqual(['invalid checksum: pg_data/base/5/16384.zst']);
    const unnamed = parseVerification(text, '').backups[0];
    expect(unnamed?.problems.join()).toContain('missing or damaged, its own or of a backup it is built on');
    const manifestless = text.replace(
      /total files checked: \d+, total valid files: \d+/,
      'total files checked: 0, total valid files: 0',
    );
    expect(parseVerification(manifestless, '').backups[0]?.problems).toEqual([
      'its manifest cannot be read, and neither can the copy of it',
    ]);
    expect(wal.problems).toEqual(['invalid result: 000000010000000000000023-10eabd.lz4 (lz4 error)']);
  });

  it('leaves out a backup that was broken off, and not one that has come to its end', () => {
    const text = sound.concat(
      '  backup: 20261128-101010F, status: in-progress, total files checked: 0, total valid files: 0',
    );
    const log = "INFO: missing '20261128-101010F/pg_data/base/1.zst'";
    const unfinished = labelsInProgress(text.join('\n'));
    expect(unfinished).toEqual(['20261128-101010F']);
    const left = parseVerification(text.join('\n'), log, unfinished);
    expect(left).toEqual(parseVerification(sound.join('\n'), ''));
    const ended = parseVerification(text.join('\n'), '', []);
    expect(ended.ok).toBe(false);
    expect(ended.backups.at(-1)?.problems).toEqual(['the backup is in-progress']);
  });

  it('compares both copies of a manifest, because either alone would do', () => {
    expect(damagedCopies('backup/demo/X/backup.manifest', 'a', 'a')).toEqual([]);
    expect(damagedCopies('backup/demo/X/backup.manifest', 'a', 'b')[0]).toContain('differ');
    expect(damagedCopies('backup/demo/X/backup.manifest', null, 'b')[0]).toContain('its copy still can');
    expect(damagedCopies('backup/demo/X/backup.manifest', null, null)[0]).toContain('and its copy');
  });
});

describe('the inventory', () => {
  it('keeps identifiers of 64 bits exactly, and page errors of a backup that succeeded', () => {
    const text = JSON.stringify([
      {
        name: 'demo',
        status: { code: 0, message: 'ok', lock: { backup: { held: true } } },
        db: [{ id: 1, 'system-id': 0, version: '15' }],
        backup: [
          {
            ...{ label: '20261127-223129F', type: 'full', prior: null, reference: null, error: true },
            archive: { start: '000000010000000000000002', stop: '000000010000000000000003' },
            lsn: { start: '0/2000028', stop: '0/3000050' },
            timestamp: { start: 10, stop: 20 },
            database: { id: 1 },
            info: { size: 5, delta: 4, repository: { delta: 3, size: 3 } },
          },
        ],
      },
    ]).replace('"system-id":0', '"system-id":7712982504658165466');
    const inventory = parseInfo(text, 'demo');
    expect(inventory.systems[0]?.systemIdentifier).toBe('7712982504658165466');
    expect(inventory).toMatchObject({ state: 'ok', isLocked: true });
    expect(inventory.backups[0]).toMatchObject({ hasPageErrors: true, stopMs: 20_000, references: [] });
  });

  it('is missing for a stanza nobody made, and refuses what it does not understand', () => {
    expect(parseInfo('[]', 'demo').state).toBe('missing');
    expect(() => parseInfo('{"no":1}', 'demo')).toThrow('not understood');
  });

  it('does not print what a wrong passphrase made of a file', () => {
    const status = { code: 99, message: 'other' };
    const repo = [
      { status: { code: 99, message: '[FormatError] unable to load\nFormatError: \u0001\u00ff' } },
    ];
    const text = JSON.stringify([{ name: 'demo', status, repo }]).replace('\\u0001', '\u0001');
    expect(parseInfo(text, 'demo')).toMatchObject({
      state: 'broken',
      detail: '[FormatError] unable to load',
    });
  });
});

describe('the archive', () => {
  it('lists segments, partial ones and histories of the newest database system, and names duplicates', () => {
    const hash = 'd4b48140942df3dc0ada8d6a499cbbc035a8036a';
    const file = { type: 'file', size: 7, time: 3 };
    const listing = parseListing(
      JSON.stringify({
        '.': { type: 'path' },
        '15-1/0000000100000000/000000010000000000000009-d4b48140942df3dc0ada8d6a499cbbc035a8036a.gz': file,
        [`15-2/0000000100000000/000000010000000000000002-${hash}.zst`]: file,
        [`15-2/0000000100000000/000000010000000000000002-${hash.replace('d4', 'ee')}.zst`]: file,
        [`15-2/0000000100000000/000000010000000000000003.partial-${hash}`]: file,
        '15-2/0000000100000000/000000010000000000000002.00000028.backup': file,
        '15-2/00000002.history': file,
        'archive.info': file,
      }),
      null,
    );
    expect(listing.archiveId).toBe('15-2');
    expect(listing.segments.map((segment) => segment.name)).toEqual([
      '000000010000000000000002',
      '000000010000000000000003.partial',
    ]);
    expect(listing.duplicates).toEqual(['000000010000000000000002']);
    expect(listing.histories).toEqual([{ name: '00000002.history', archivedAtMs: 3000, bytes: 7 }]);
  });
});

describe('failures', () => {
  it('of certificates that hosts do not take from each other is no wrong passphrase', () => {
    const words =
      "unable to find hostname '10.0.0.3' in certificate common name or subject alternative names";
    const failure = failureOf(95, `ERROR: [095]: ${words}`);
    expect(failure).toMatchObject({
      reason: 'repository_unreachable',
      retry: true,
      detail: `[095]: ${words}`,
    });
  });

  it('tell the one that a checkpoint mends from the one that time mends', () => {
    const promoted = 'P00   ERROR: [058]: WAL timeline 2 does not match pg_control timeline 1\n';
    expect(failureOf(58, promoted)).toMatchObject({ reason: 'checkpoint_needed', retry: true });
    expect(failureOf(56, 'ERROR: [056]: unable to find primary cluster - cannot proceed')).toMatchObject({
      reason: 'no_primary',
    });
    expect(failureOf(45, "ERROR: [045]: WAL file '0' already exists in the repo1 archive")).toMatchObject({
      reason: 'duplicate_wal',
      retry: false,
    });
    expect(failureOf(75, 'ERROR: [075]: unable to find backup set with stop time less than')).toMatchObject({
      reason: 'no_backup_set',
    });
  });

  it('of an object store say what it answered and what to check, without the headers', () => {
    const log = (status: string, content: string) =>
      `ERROR: [039]: HTTP request failed with ${status}:\n       *** Path/Query ***:\n       PUT /backups/x\n       *** Request Headers ***:\n       authorization: <redacted>\n       host: 127.0.0.1\n       *** Response Headers ***:\n       date: Sat\n${content}`;
    const content = '       *** Response Content ***:\n       <Error><Code>NoSuchBucket</Code></Error>\n';
    expect(failureOf(39, log('404 (Not Found)', content))).toEqual({
      ...{ reason: 'repository_unreachable', retry: true, hint: expect.stringContaining('no bucket') },
      detail:
        '[039]: HTTP request failed with 404 (Not Found): *** Path/Query ***: PUT /backups/x *** Response Content ***: <Error><Code>NoSuchBucket</Code></Error>',
    });
    expect(failureOf(39, log('403 (Forbidden)', ''))).toMatchObject({
      hint: expect.stringContaining('check key, secret and region'),
      detail: expect.not.stringContaining('redacted'),
    });
  });

  it('of a directory that belongs to somebody else say whose it has to be', () => {
    const log = "ERROR: [047]: unable to create path '/backups/archive': [13] Permission denied";
    expect(failureOf(47, log)).toMatchObject({ hint: expect.stringContaining('install -d -o postgres') });
  });

  it('of an unknown kind quote the program and are tried again', () => {
    const failure = failureOf(99, 'INFO: x\nERROR: [099]: strange\n       HINT: think\nINFO: command end');
    expect(failure).toEqual({
      ...{
        reason: 'failed',
        detail: '[099]: strange HINT: think',
        hint: 'What that error means is told in the documentation of pgBackRest.',
        retry: true,
      },
    });
    expect(failureOf(null, '').detail).toContain('ended with code null');
  });

  it('leave the warnings of a success to be shown', () => {
    expect(warningsOf('P00   WARN: no prior backup exists, incr backup has been changed to full\n')).toEqual([
      'no prior backup exists, incr backup has been changed to full',
    ]);
  });
});

describe('progress', () => {
  it('comes as a percentage from the lock file and as bytes from the log', () => {
    expect(percentOf('{"execId":"1-2","pctCplt":6933,"pid":1}')).toBe(69.33);
    expect(percentOf('{"execId":"1-2","pid":1}')).toBeNull();
    const log = new ProgressLog();
    expect(log.progress(null)).toEqual({ phase: 'starting', percent: null, bytesDone: null });
    log.push(
      'DETAIL: backup file /pg1/base/5/16390 (208.3MB, 89.09%) checksum 9ac4\nDETAIL: backup file /x (bund',
    );
    log.push('le 1/0, 88B, 90.57%) checksum c6b9\n');
    const bytesDone = Math.round(208.3 * 1024 ** 2) + 88;
    expect(log.progress(null)).toEqual({ phase: 'copying', percent: 90.57, bytesDone });
    expect(log.progress(95)).toMatchObject({ percent: 95 });
    log.push('INFO: execute non-exclusive backup stop and wait for all WAL segments to archive\n');
    expect(log.progress(95)).toEqual({ phase: 'finishing', percent: 100, bytesDone });
  });
});
