import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Authority,
  createAuthority,
  issueHostCertificate,
  issueOperatorCertificate,
} from '@quantadb/engine/security/pki';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import type { HostConfig } from '../host-config.ts';
import { refuseAll } from '../preflight/problem.ts';
import { makeRunDirectory, runDirectoryOf } from '../preflight/run-directory.ts';
import { application, type DemoHost, type DemoPorts, demoHosts, demoPaths, hostDirectory } from './layout.ts';

const systemSchema = z.object({
  version: z.literal(1),
  hosts: z.array(z.object({ name: z.string(), api: z.string(), socket: z.string(), config: z.string() })),
});
export type SystemFile = z.infer<typeof systemSchema>;

const secretsSchema = z.object({
  application: z.object({ role: z.string(), database: z.string(), password: z.string() }),
});
export type Secrets = z.infer<typeof secretsSchema>;

export interface InstallationOptions {
  home: string;
  ports: DemoPorts;
  binDir: string;
  osUser: string | null;
  logLevel: HostConfig['logLevel'];
}

const passwordBytes = 18;
const loopback = '127.0.0.1';

/**
 * What the local system consists of, on disk. Every file is written once, whole, and read back on later starts; a start
 * that was interrupted is completed by the next one.
 */
export async function install(
  options: InstallationOptions,
): Promise<{ system: SystemFile; secrets: Secrets }> {
  const paths = demoPaths(options.home);
  await mkdir(options.home, { recursive: true, mode: 0o755 });
  await mkdir(paths.pki, { recursive: true, mode: 0o700 });
  const authority = await ensurePair(join(paths.pki, 'ca'), () =>
    createAuthority({ name: 'QuantaDB local system' }),
  );
  await ensurePair(join(paths.pki, 'operator'), () => issueOperatorCertificate(authority, { name: 'local' }));
  const hosts: SystemFile['hosts'] = [];
  for (const name of demoHosts) hosts.push(await installHost(options, name, authority));
  const system: SystemFile = { version: 1, hosts };
  await writeDurably(paths.system, JSON.stringify(system, null, 2));
  return { system, secrets: await ensureSecrets(paths.secrets) };
}

/** @throws QuantaError NOT_FOUND when there is no local system there */
export async function readSystem(home: string): Promise<SystemFile> {
  return readAs(demoPaths(home).system, systemSchema, 'Start it: npm start');
}

/** Null for somebody who may not read them. */
export async function readSecrets(home: string): Promise<Secrets | null> {
  return readAs(demoPaths(home).secrets, secretsSchema, '').catch(() => null);
}

async function readAs<T>(path: string, schema: z.ZodType<T>, hint: string): Promise<T> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new QuantaError('NOT_FOUND', `there is no local system: ${messageOf(error)}`, { hint });
  });
  return parsed(path, text, schema);
}

function parsed<T>(path: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new QuantaError('CONFIG_INVALID', `${path} is not understood`, {
      cause: error,
      hint: 'It may be of a newer version.',
    });
  }
}

async function installHost(
  options: InstallationOptions,
  name: DemoHost,
  authority: Authority,
): Promise<SystemFile['hosts'][number]> {
  const directory = hostDirectory(options.home, name);
  const tlsDirectory = join(directory, 'tls');
  await mkdir(tlsDirectory, { recursive: true, mode: 0o755 });
  await ensurePair(join(tlsDirectory, 'host'), () =>
    issueHostCertificate(authority, { host: name, addresses: [loopback, 'localhost'] }),
  );
  await writeDurably(join(tlsDirectory, 'ca.crt'), authority.certPem);
  const config = hostConfig(options, name, { directory, tlsDirectory });
  refuseAll(await makeRunDirectory(config.runDir));
  const configFile = join(directory, 'host.json');
  await writeDurably(configFile, JSON.stringify(config, null, 2));
  const { host, port } = config.addresses.api;
  return {
    name,
    api: `http://${host}:${port}`,
    socket: join(config.runDir, 'daemon.sock'),
    config: configFile,
  };
}

function hostConfig(
  options: InstallationOptions,
  name: DemoHost,
  directories: { directory: string; tlsDirectory: string },
): HostConfig {
  const { directory, tlsDirectory } = directories;
  const { raft, api, postgres } = options.ports.hosts[name];
  const at = (port: number) => ({ host: loopback, port });
  return {
    version: 1,
    name,
    kind: 'data',
    addresses: { raft: at(raft), api: at(api), postgres: at(postgres) },
    listenHost: loopback,
    stateDir: join(directory, 'state'),
    dataDir: join(directory, 'postgres', 'data'),
    runDir: runDirectoryOf(options.home, name),
    binDir: options.binDir,
    osUser: options.osUser,
    tls: {
      ca: join(tlsDirectory, 'ca.crt'),
      cert: join(tlsDirectory, 'host.crt'),
      key: join(tlsDirectory, 'host.key'),
    },
    timing: 'lan',
    logLevel: options.logLevel,
  };
}

/** `<base>.crt` and `<base>.key`. The key is written first: a certificate is only there when its key is. */
async function ensurePair(base: string, make: () => Promise<Authority>): Promise<Authority> {
  const certFile = `${base}.crt`;
  const keyFile = `${base}.key`;
  const isThere = await stat(certFile).catch(() => null);
  if (isThere) return { certPem: await readFile(certFile, 'utf8'), keyPem: await readFile(keyFile, 'utf8') };
  const made = await make();
  await writeDurably(keyFile, made.keyPem);
  await writeDurably(certFile, made.certPem);
  return made;
}

async function ensureSecrets(path: string): Promise<Secrets> {
  const known = await readFile(path, 'utf8').catch(() => null);
  if (known !== null) return parsed(path, known, secretsSchema);
  const secrets: Secrets = {
    application: { ...application, password: randomBytes(passwordBytes).toString('base64url') },
  };
  await writeDurably(path, JSON.stringify(secrets, null, 2));
  return secrets;
}
