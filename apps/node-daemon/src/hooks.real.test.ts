import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealCluster } from './testing/real-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

let directory: string;
let cluster: RealCluster | null = null;

beforeAll(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'hooks-'));
});

afterAll(async () => {
  await cluster?.cleanUp();
  await rm(directory, { recursive: true, force: true });
});

test('a program is told when the node becomes primary and when the operation has ended', async () => {
  const [program, told] = [join(directory, 'hook.sh'), join(directory, 'told')];
  await writeFile(program, `#!/bin/sh\nline=$(cat)\nprintf '%s\\n' "$line" >> ${told}\n`);
  await chmod(program, 0o755);
  const broken = join(directory, 'broken.sh');
  await writeFile(broken, '#!/bin/sh\necho no such interface >&2; exit 3\n', { mode: 0o755 });
  cluster = await RealCluster.create(['node-1'], {
    hooks: [
      { on: ['role-change', 'operation-end'], run: [program] },
      { on: ['operation-end'], run: [broken] },
    ],
  });
  await cluster.startAll();
  await cluster.form('node-1', []);
  const events = async () =>
    (await readFile(told, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const primary = expect.objectContaining({ event: 'role-change', node: 'node-1', role: 'primary' });
  const operation = expect.objectContaining({ kind: 'create-cluster', state: 'done' });
  const ended = expect.objectContaining({ event: 'operation-end', operation });
  await expect.poll(events, { timeout: 20_000 }).toEqual(expect.arrayContaining([primary, ended]));
  const words = 'it was not told of operation-end: ';
  expect(await untilTold(cluster, 'hook-fails')).toMatch(
    new RegExp(`^On node-1 of demo a hook fails: hook .*broken.sh: ${words}.*exit code 3: no such interface`),
  );
  await writeFile(broken, '#!/bin/sh\n');
  await cluster.run('node-1', { kind: 'set-parameters', parameters: { work_mem: '7MB' } });
  await untilOver(cluster, 'hook-fails');
});
