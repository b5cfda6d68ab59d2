import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import type { Enrolled } from '../enrol.ts';
import type { HostConfig } from '../host-config.ts';
import { refuseAll } from '../preflight/problem.ts';
import { makeRunDirectory, runDirectoryOf } from '../preflight/run-directory.ts';
import { type DemoHost, type DemoPorts, demoHosts, demoPaths, hostDirectory } from './layout.ts';

const systemSchema = z.object({
  version: z.literal(1),
  console: z.string(),
  hosts: z.array(z.object({ name: z.string(), api: z.string(), socket: z.string(), config: z.string() })),
});
export type SystemFile = z.infer<typeof systemSchema>;

export interface InstallationOptions {
  home: string;
  ports: DemoPorts;
  binDir: string;
  osUser: string | null;
  logLevel: HostConfig['logLevel'];
  consoleUrl: string;
  /** Gets a host its certificate from the control plane; only called for one that has none yet. */
  enrol(host: { name: DemoHost; addresses: HostConfig['addresses'] }): Promise<Enrolled>;
  certifyOperator(): Promise<Enrolled>;
}

const loopback = '127.0.0.1';

/**
 * What the local system consists of, on disk. Every file is written once, whole, and read back on later starts; a start
 * that was interrupted is completed by the next one.
 */
export async function install(options: InstallationOptions): Promise<SystemFile> {
  const paths = demoPaths(options.home);
  await mkdir(paths.pki, { recursive: true, mode: 0o700 });
  await ensureIdentity(
    {
      ca: join(paths.pki, 'ca.crt'),
      cert: join(paths.pki, 'operator.crt'),
      key: join(paths.pki, 'operator.key'),
    },
    () => options.certifyOperator(),
  );
  const hosts: SystemFile['hosts'] = [];
  for (const name of demoHosts) hosts.push(await installHost(options, name));
  const system: SystemFile = { version: 1, console: options.consoleUrl, hosts };
  await writeDurably(paths.system, JSON.stringify(system, null, 2));
  return system;
}

/** Whether every host has its certificate already, so that nothing of the control plane is needed to start. */
export async function isInstalled(home: string): Promise<boolean> {
  const files = [
    demoPaths(home).system,
    ...demoHosts.map((name) => join(hostDirectory(home, name), 'tls', 'host.crt')),
  ];
  const found = await Promise.all(files.map((file) => stat(file).catch(() => null)));
  return found.every(Boolean);
}

/** @throws QuantaError NOT_FOUND when there is no local system there */
export async function readSystem(home: string): Promise<SystemFile> {
  return readAs(demoPaths(home).system, systemSchema, 'Start it: npm start');
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
      hint: 'It is of another version. Move QUANTADB_HOME away, or start the version that made it.',
    });
  }
}

async function installHost(
  options: InstallationOptions,
  name: DemoHost,
): Promise<SystemFile['hosts'][number]> {
  const directory = hostDirectory(options.home, name);
  const tlsDirectory = join(directory, 'tls');
  await mkdir(tlsDirectory, { recursive: true, mode: 0o755 });
  const config = hostConfig(options, name, { directory, tlsDirectory });
  await ensureIdentity(config.tls, () => options.enrol({ name, addresses: config.addresses }));
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
    console: options.consoleUrl,
    logLevel: options.logLevel,
    hooks: [],
    metricsTokenFile: null,
    router: routerOf(options.ports, name),
  };
}

/** One for every host the cluster is made of; the spare one has none. */
function routerOf(ports: DemoPorts, name: DemoHost): HostConfig['router'] {
  const port = ports.routers[demoHosts.indexOf(name)];
  return port === undefined ? null : { port, listenHost: null, settings: {}, workers: 1 };
}

/** The certificate is written last: it is only there when all of the identity is. */
async function ensureIdentity(
  files: { ca: string; cert: string; key: string },
  make: () => Promise<Enrolled>,
): Promise<void> {
  const isThere = await stat(files.cert).catch(() => null);
  if (isThere) return;
  const made = await make();
  await writeDurably(files.key, made.key);
  await writeDurably(files.ca, made.authority);
  await writeDurably(files.cert, made.certificate);
}
