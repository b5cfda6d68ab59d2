import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HostConfig, hostConfigText, loadHostConfig } from './host-config.ts';

let directory: string;
let path: string;

beforeAll(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'host-config-'));
  path = join(directory, 'host.json');
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const endpoint = (port: number) => ({ host: '127.0.0.1', port });

const config: HostConfig = {
  version: 1,
  name: 'node-1',
  kind: 'data',
  addresses: { raft: endpoint(7001), api: endpoint(7101), postgres: endpoint(5501) },
  listenHost: '127.0.0.1',
  stateDir: '/var/lib/quantadb',
  dataDir: '/var/lib/quantadb/postgres/data',
  runDir: '/run/quantadb',
  binDir: '/usr/lib/postgresql/15/bin',
  osUser: null,
  tls: { ca: '/etc/quantadb/ca.crt', cert: '/etc/quantadb/host.crt', key: '/etc/quantadb/host.key' },
  timing: 'lan',
  console: null,
  logLevel: 'info',
  hooks: [],
  metricsTokenFile: null,
  router: null,
};

async function load(content: object | string): Promise<HostConfig> {
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return loadHostConfig(path);
}

test('a complete file is read as it is', async () => {
  expect(await load(config)).toEqual(config);
});

test('the file that a host is enrolled with says what each setting means, and is read as it is', async () => {
  const text = hostConfigText(config);
  expect(await load(text)).toEqual(config);
  for (const key of Object.keys(config)) expect(text).toMatch(new RegExp(`// .{10,}\n  "${key}": `));
  await expect(load(text.replace('"kind":', '"kind"'))).rejects.toThrow(/cannot be read: .* at character/);
});

test('a witness has no PostgreSQL, and an older file no control plane', async () => {
  const { console: _, ...older } = config;
  const witness = { ...older, kind: 'witness', addresses: { ...config.addresses, postgres: null } };
  expect(await load(witness)).toEqual({ ...witness, console: null });
});

test.each([
  ['version', { ...config, version: 2 }],
  ['name', { ...config, name: 'operator:ada' }],
  ['kind', { ...config, kind: 'balancer' }],
  ['addresses.api.port', { ...config, addresses: { ...config.addresses, api: endpoint(70_000) } }],
  ['listenHost', { ...config, listenHost: '' }],
  ['dataDir', { ...config, dataDir: 'postgres/data' }],
  ['osUser', { ...config, osUser: '' }],
  ['tls.key', { ...config, tls: { ...config.tls, key: 'host.key' } }],
  ['timing', { ...config, timing: 'moon' }],
  ['logLevel', { ...config, logLevel: undefined }],
  ['the file', []],
])('what is wrong with %s is said with the file and the field', async (field, content) => {
  const refusal = await load(content).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'CONFIG_INVALID', hint: expect.any(String) });
  expect((refusal as Error).message.startsWith(`${path}: ${field}: `)).toBe(true);
});

test('a file that is not there, or no JSON, is named', async () => {
  const refused = (file: string) => ({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(file),
    hint: expect.any(String),
  });
  await expect(load('{')).rejects.toMatchObject(refused(path));
  const missing = join(directory, 'missing.json');
  await expect(loadHostConfig(missing)).rejects.toMatchObject(refused(missing));
});
