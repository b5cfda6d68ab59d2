import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupConfigSchema, noBackups } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { owedDirOf, setRepository } from '../postgres/archive-wrapper.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { BackupNode } from './backup-node.ts';

let directory: string;
let place: NodePlace;
let node: BackupNode;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'backup node '));
  const inside = (name: string) => join(directory, name);
  place = {
    ...{ nodeName: 'node-1', clusterName: 'demo', binDir: '/nowhere', listenHost: '127.0.0.1', port: 5501 },
    ...{ dataDir: inside('data'), stateDir: inside('state'), runDir: inside('run'), osUser: null },
    tls: { ca: inside('ca'), cert: inside('cert'), key: inside('key') },
  };
  for (const each of [place.dataDir, place.runDir, filesOf(place).serverStateDir])
    await mkdir(each, { recursive: true });
  node = new BackupNode({ place, holdsData: true, logger: silentLogger });
});
afterEach(async () => {
  node.stop();
  await rm(directory, { recursive: true, force: true });
});

const second = { number: 2, repository: { type: 'posix', path: '/second' }, secrets: {}, retention: {} };
const config = (revision: number, further: unknown[]) =>
  backupConfigSchema.parse({
    ...{ stanza: 'demo', revision, repository: { type: 'posix', path: '/backups' }, secrets: {} },
    ...{ impact: {}, schedules: [], retention: {}, drills: null, archiveTimeoutSeconds: 60 },
    ...(further.length > 0 ? { further } : {}),
  });
const stateWith = (agreed: ReturnType<typeof config> | null): ClusterState => ({
  ...demoState(),
  backup: { ...noBackups, config: agreed },
});

const configured = () => readFile(filesOf(place).repositoryConfig, 'utf8').catch(() => null);
const owed = () => readdir(owedDirOf(place, 2)).catch(() => []);
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 50));

describe('a daemon that starts anew beside a PostgreSQL that archives', () => {
  const debt = '000000010000000000000005';

  beforeEach(async () => {
    const further = new Map([[2, 'as it was']]);
    await setRepository(place, { configuration: 'as it was', stanza: 'demo', further });
    await mkdir(owedDirOf(place, 2));
    await writeFile(join(owedDirOf(place, 2), debt), '');
  });

  it('I-REPOSITORY-8: changes nothing of the archiving, nor of what is owed, by a state that it had left behind', async () => {
    node.follow(stateWith(null), false);
    await aMoment();
    expect(await configured()).toBe('as it was');
    expect(await owed()).toEqual([debt]);
    node.follow(stateWith(config(7, [second])), true);
    const isWritten = async () => ((await configured()) === 'as it was' ? undefined : true);
    await pollUntil(isWritten, { what: 'it is set up', timeoutMs: 5000, intervalMs: 10 });
    expect(await owed()).toEqual([debt]);
  });

  it('goes by the state that it knows once that is no older than the one before the start', async () => {
    node.follow(stateWith(null), true);
    const isGone = async () => ((await configured()) === null ? true : undefined);
    await pollUntil(isGone, { what: 'archiving ends', timeoutMs: 5000, intervalMs: 10 });
  });

  it('keeps a restored copy until it knows that nobody is going to put it in place', async () => {
    const { restoredDir } = filesOf(place);
    await mkdir(restoredDir);
    const copies = () =>
      readdir(directory).then((names) => names.filter((name) => name.includes('restored')));
    const [copy] = await copies();
    node.follow(stateWith(null), false);
    await aMoment();
    expect(await copies()).toEqual([copy]);
    node.follow(stateWith(null), true);
    const isGone = async () => ((await copies()).length === 0 ? true : undefined);
    await pollUntil(isGone, { what: 'the copy is gone', timeoutMs: 5000, intervalMs: 10 });
  });
});
