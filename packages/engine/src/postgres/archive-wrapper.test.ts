import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../shared/deadline.ts';
import { renderArchiveScript } from './archive-wrapper.ts';

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
