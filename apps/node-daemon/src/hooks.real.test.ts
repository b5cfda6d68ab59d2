import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealCluster } from './testing/real-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

/** Of this run alone: a service of the machine is named after it. */
const name = `hooked-${process.pid}`;
const program = fileURLToPath(new URL('../bin/quantadb.mjs', import.meta.url));
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
  const [hook, told] = [join(directory, 'hook.sh'), join(directory, 'told')];
  await writeFile(hook, `#!/bin/sh\nline=$(cat)\nprintf '%s\\n' "$line" >> ${told}\n`);
  await chmod(hook, 0o755);
  const broken = join(directory, 'broken.sh');
  await writeFile(broken, '#!/bin/sh\necho no such interface >&2; exit 3\n', { mode: 0o755 });
  cluster = await RealCluster.create([name], {
    hooks: [
      { on: ['role-change', 'operation-end'], run: [hook] },
      { on: ['operation-end'], run: [broken] },
    ],
  });
  await cluster.startAll();
  await cluster.form(name, []);
  const events = async () =>
    (await readFile(told, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const primary = expect.objectContaining({ event: 'role-change', node: name, role: 'primary' });
  const operation = expect.objectContaining({ kind: 'create-cluster', state: 'done' });
  const ended = expect.objectContaining({ event: 'operation-end', operation });
  await expect.poll(events, { timeout: 20_000 }).toEqual(expect.arrayContaining([primary, ended]));
  const words = 'it was not told of operation-end: ';
  expect(await untilTold(cluster, 'hook-fails')).toMatch(
    new RegExp(
      `^On ${name} of demo a hook fails: hook .*broken.sh: ${words}.*exit code 3: no such interface`,
    ),
  );
  await writeFile(broken, '#!/bin/sh\n');
  await cluster.run(name, { kind: 'set-parameters', parameters: { work_mem: '7MB' } });
  await untilOver(cluster, 'hook-fails');
});

test('a host is uninstalled: its service is gone, PostgreSQL has stopped before its daemon, and the data stays', async ({
  skip,
}) => {
  const isUsual = process.getuid?.() === 0 && !existsSync('/run/systemd/system');
  if (!isUsual || !cluster) return skip('it would change the services of this machine');
  const { directory: place, config, client } = cluster.host(name);
  const file = join(place, 'host.json');
  const unit = `/etc/systemd/system/quantadb-${name}.service`;
  const host = async (what: string) =>
    (await promisify(execFile)(process.execPath, [program, 'host', what, file])).stdout;
  expect(await host('install')).toContain(`${unit} is written`);
  expect(existsSync(unit)).toBe(true);
  const { daemon, reaper, postgres } = (await client.node()).pids;
  const told = await host('uninstall');
  expect(told).toContain(`quantadb-${name}.service is gone; the data and ${file} stay.`);
  expect(told).toContain('it was stopped too, after PostgreSQL');
  expect(told).toContain(
    `${name} is still a member of demo. For good: quantadb --cluster demo node remove ${name}`,
  );
  expect(existsSync(unit)).toBe(false);
  const left = () => [daemon, reaper, postgres].filter((pid) => pid !== null && existsSync(`/proc/${pid}`));
  await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  expect(existsSync(join(config.dataDir, 'PG_VERSION'))).toBe(true);
  expect(existsSync(join(config.dataDir, 'postmaster.pid'))).toBe(false);
});
