import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../shared/deadline.ts';
import { renderArchiveScript, setRepository } from './archive-wrapper.ts';
import { filesOf, type NodePlace } from './layout.ts';

let directory: string;
let script: string;
const file = (name: string) => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'archive script '));
  script = file('archive-wal');
  const files = {
    archiveClosed: file('closed'),
    repositoryConfig: file('pgbackrest.conf'),
    repositoryStanza: file('pgbackrest.stanza'),
    repositoriesDir: file('repositories'),
  };
  await writeFile(script, renderArchiveScript(files, file('push')));
  await chmod(script, 0o700);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function repository(pushBody: string): Promise<void> {
  await writeFile(file('push'), `#!/bin/sh\n${pushBody}\n`);
  await chmod(file('push'), 0o700);
  await writeFile(file('pgbackrest.stanza'), 'demo\n');
  await writeFile(file('pgbackrest.conf'), '');
}

/** Two of them; those that are listed as away refuse. Every push is written down. */
async function twoRepositories(...away: string[]): Promise<void> {
  const refusing = away.map((name) => `*${name}*) exit 9;;`).join(' ');
  await repository(
    `case "$1" in ${refusing} esac; echo "$(basename -- "$1") $(echo "$*" | grep -o 'archive-push .*')" >> '${file('seen')}'; echo "$*" > '${file('arguments')}'`,
  );
  await mkdir(file('repositories'), { recursive: true });
  await writeFile(file('repositories/2.conf'), '');
}

const owedTo = (number: number) => readdir(file(`repositories/owed-${number}`)).catch(() => []);
const pushes = async () => (await readFile(file('seen'), 'utf8').catch(() => '')).trim().split('\n');

function archiveNamed(name: string, ...more: string[]): Promise<{ code: number | string | null }> {
  return promisify(execFile)(script, [`pg_wal/${name}`, name, ...more]).then(
    () => ({ code: 0 }),
    (error: { code: number | string | null }) => ({ code: error.code }),
  );
}

function archive(): Promise<{ code: number | string | null }> {
  return promisify(execFile)(script, ['pg_wal/0001', '0001']).then(
    () => ({ code: 0 }),
    (error: { code: number | string | null }) => ({ code: error.code }),
  );
}

describe('the archive script', () => {
  it('lets PostgreSQL recycle its WAL while there is no repository', async () => {
    expect(await archive()).toEqual({ code: 0 });
  });

  it('hands the segment to the repository of this cluster, and passes on how that ended', async () => {
    await repository(`echo "$@" > '${file('seen')}'; exit 7`);
    expect(await archive()).toEqual({ code: 7 });
    const seen = await readFile(file('seen'), 'utf8');
    expect(seen).toContain('--stanza=demo');
    expect(seen).toContain('archive-push pg_wal/0001');
  });

  it('pushes nothing while archiving is closed', async () => {
    await repository(`touch '${file('seen')}'`);
    await writeFile(file('closed'), '');
    expect(await archive()).toEqual({ code: 1 });
    await expect(access(file('seen'))).rejects.toThrow();
  });

  it('I-BACKUP-2: kills a push under way the moment archiving is closed', async () => {
    await repository(`touch '${file('begun')}'; sleep 20; touch '${file('arrived')}'`);
    const running = spawn(script, ['pg_wal/0001', '0001']);
    const ended = once(running, 'exit');
    const begun = () =>
      access(file('begun')).then(
        () => true,
        () => undefined,
      );
    await pollUntil(begun, { what: 'the push', timeoutMs: 10_000, intervalMs: 10 });
    const closedMs = performance.now();
    await writeFile(file('closed'), '');
    expect((await ended)[0]).toBe(1);
    expect(performance.now() - closedMs).toBeLessThan(5_000);
    await expect(access(file('arrived'))).rejects.toThrow();
  });
});

it('a repository is given to a running server with the script of this release', async () => {
  const place = {
    dataDir: file('data'),
    runDir: file('run'),
    stateDir: directory,
    osUser: null,
  } as unknown as NodePlace;
  const { archiveScript, repositoryConfig } = filesOf(place);
  await mkdir(dirname(archiveScript), { recursive: true });
  await writeFile(archiveScript, '#!/bin/sh\nexit 1\n');
  await setRepository(place, { configuration: 'told', stanza: 'demo' });
  expect(await readFile(archiveScript, 'utf8')).toBe(renderArchiveScript(filesOf(place)));
  expect(await readFile(repositoryConfig, 'utf8')).toBe('told');
});

describe('the archive script with two repositories', () => {
  it('waits ten seconds for one of several that does not answer, and as long as it takes for the only one', async () => {
    const given = () => readFile(file('arguments'), 'utf8');
    await twoRepositories();
    await archiveNamed('0001');
    expect(await given()).toContain('--io-timeout=5 archive-push');
    // What is owed is paid beside the archiver, which does not wait for it.
    await archiveNamed('0002', 'pgbackrest', '2');
    expect(await given()).not.toContain('--io-timeout');
    await rm(file('repositories/2.conf'));
    await archiveNamed('0003');
    expect(await given()).not.toContain('--io-timeout');
  });

  it('gives each of them every segment', async () => {
    await twoRepositories();
    expect(await archiveNamed('0001')).toEqual({ code: 0 });
    expect(await pushes()).toEqual([
      'pgbackrest.conf archive-push pg_wal/0001',
      '2.conf archive-push pg_wal/0001',
    ]);
    expect(await owedTo(1)).toEqual([]);
    expect(await owedTo(2)).toEqual([]);
  });

  it('I-REPOSITORY-4: goes on when one is away, notes what that one is owed, and passes it over until it is paid', async () => {
    await twoRepositories('/2.conf');
    expect(await archiveNamed('0001')).toEqual({ code: 0 });
    expect(await archiveNamed('0002')).toEqual({ code: 0 });
    expect(await owedTo(2)).toEqual(['0001', '0002']);
    // It is back, but what it is owed comes first.
    await twoRepositories();
    expect(await archiveNamed('0003')).toEqual({ code: 0 });
    expect(await owedTo(2)).toEqual(['0001', '0002', '0003']);
    expect((await pushes()).filter((each) => each.startsWith('2.conf'))).toEqual([]);
    await rm(file('repositories/owed-2'), { recursive: true });
    expect(await archiveNamed('0004')).toEqual({ code: 0 });
    expect((await pushes()).at(-1)).toBe('2.conf archive-push pg_wal/0004');
    expect(await owedTo(2)).toEqual([]);
  });

  it('I-REPOSITORY-4: lets PostgreSQL keep a segment that none of them has', async () => {
    await twoRepositories('/2.conf', 'pgbackrest.conf');
    expect(await archiveNamed('0001')).toEqual({ code: 9 });
    expect(await owedTo(1)).toEqual([]);
    expect(await owedTo(2)).toEqual([]);
  });

  it('I-REPOSITORY-4: gives one that is owed something the segment all the same when the other is away', async () => {
    await twoRepositories('/2.conf');
    await archiveNamed('0001');
    await twoRepositories('pgbackrest.conf');
    expect(await archiveNamed('0002')).toEqual({ code: 0 });
    expect(await owedTo(1)).toEqual(['0002']);
    expect(await owedTo(2)).toEqual(['0001']);
    await twoRepositories('pgbackrest.conf', '/2.conf');
    expect(await archiveNamed('0003')).toEqual({ code: 9 });
  });

  it('pushes to the one that is named only, and owes nobody anything by that', async () => {
    await twoRepositories('/2.conf');
    expect(await archiveNamed('0001', 'pgbackrest', '2')).toEqual({ code: 9 });
    expect(await archiveNamed('0001', 'pgbackrest', '1')).toEqual({ code: 0 });
    expect(await pushes()).toEqual(['pgbackrest.conf archive-push pg_wal/0001']);
    expect(await owedTo(2)).toEqual([]);
  });
});
