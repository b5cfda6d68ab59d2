import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';
import type { ClusterStatus, SystemStatus } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { DaemonClient } from '../client.ts';
import { readSystem, type SystemFile } from '../demo/installation.ts';
import { demoPaths } from '../demo/layout.ts';
import { readSecrets, type Secrets } from '../demo/secrets.ts';
import { chooseHome, type Home } from '../preflight/home.ts';
import { assembleStatus, type HostAnswer } from './assemble-status.ts';
import { ConsoleClient } from './console-client.ts';
import { localDaemon } from './local-daemon.ts';
import { UsageError } from './usage-error.ts';

export interface TargetOptions {
  /** `host:port` of one daemon, or the host.json of one on this machine: asked in place of the local system. */
  node?: string | undefined;
  home?: string | undefined;
  /** Of a console that is not this machine's own; also QUANTADB_CONSOLE and QUANTADB_TOKEN. */
  console?: string | undefined;
  token?: string | undefined;
}

type KnownHost = SystemFile['hosts'][number];

interface NamedDaemon {
  reader: DaemonClient;
  /** Null without the operator's certificate. */
  writer: DaemonClient | null;
  /** Another daemon of its cluster, as well as we can prove who we are. */
  reach(address: { host: string; port: number }): DaemonClient;
}

interface TargetParts {
  /** Null when there is no local system, which a named daemon can do without. */
  system: SystemFile | null;
  secrets: Secrets | null;
  named: NamedDaemon | null;
}

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

export async function homeOf(options: TargetOptions): Promise<Home> {
  const isRoot = process.getuid?.() === 0;
  return chooseHome({ wanted: options.home ?? process.env.QUANTADB_HOME, repository, isRoot });
}

/**
 * The console that a command goes through: one that was named, or the local system's while it is up. Null: the daemons
 * are asked themselves.
 *
 * @throws QuantaError UNAUTHORIZED when the console refuses the token, PEER_UNREACHABLE when a named console is down
 */
export async function findConsole(options: TargetOptions): Promise<ConsoleClient | null> {
  if (options.node !== undefined) return null;
  const named = await namedConsole(options);
  if (named) return named;
  const { path } = await homeOf(options);
  const system = await readSystem(path).catch(() => null);
  const secrets = await readSecrets(demoPaths(path).secrets);
  if (!system || !secrets?.console.token) return null;
  const own = new ConsoleClient({ url: system.console, token: secrets.console.token });
  return (await own.isUp()) ? own : null;
}

/** Of the cluster that was meant, from whoever can tell; null: the daemon that answers is in none. */
export async function clusterStatusNow(
  options: TargetOptions & { cluster?: string },
): Promise<ClusterStatus | null> {
  const console = await findConsole(options);
  if (console) return (await console.cluster(options.cluster)).status;
  return (await (await Target.find(options)).reader()).status();
}

/** PostgreSQL's settings of the cluster that was meant, from whoever can tell; null: the daemon that answers is in none. */
export async function settingsNow(
  options: TargetOptions & { cluster?: string },
): Promise<SettingsOverview | null> {
  const console = await findConsole(options);
  if (console) return console.settings((await console.cluster(options.cluster)).id);
  return (await (await Target.find(options)).writer()).settings();
}

/** Of clusterStatusNow, but null when none was named: what this machine knows of its local system is more than its console does. */
export async function namedConsole(options: TargetOptions): Promise<ConsoleClient | null> {
  const url = options.console ?? process.env.QUANTADB_CONSOLE;
  if (!url || options.node !== undefined) return null;
  const named = new ConsoleClient({ url, token: options.token ?? process.env.QUANTADB_TOKEN ?? null });
  if (await named.isUp()) return named;
  throw new QuantaError('PEER_UNREACHABLE', `the console at ${url} does not answer`, {
    hint: 'Ask a daemon instead: --node <host:port>.',
  });
}

/** Whom a command talks to: the daemons of the local system, or one that was named. */
export class Target {
  private readonly parts: TargetParts;

  private constructor(parts: TargetParts) {
    this.parts = parts;
  }

  /** @throws UsageError for an address that is none; QuantaError NOT_FOUND without a local system to talk to */
  static async find(options: TargetOptions): Promise<Target> {
    const { path } = await homeOf(options);
    const secrets = await readSecrets(demoPaths(path).secrets);
    if (options.node === undefined)
      return new Target({ system: await readSystem(path), secrets, named: null });
    const named = await namedDaemon(options.node, path);
    return new Target({ system: await readSystem(path).catch(() => null), secrets, named });
  }

  /**
   * A daemon that answers, for reading.
   *
   * @throws QuantaError PEER_UNREACHABLE when none does
   */
  async reader(): Promise<DaemonClient> {
    return this.parts.named?.reader ?? this.firstMember();
  }

  /** @throws QuantaError UNAUTHORIZED without an operator's certificate, PEER_UNREACHABLE */
  async writer(): Promise<DaemonClient> {
    const { named } = this.parts;
    if (!named) return this.firstMember();
    if (named.writer) return named.writer;
    throw new QuantaError('UNAUTHORIZED', 'changes through --node need the operator’s certificate', {
      hint: 'Give --node the host.json of a host on this machine, or get one: quantadb operator enroll --help',
    });
  }

  /**
   * Everybody who can tell how an operation goes on: the daemon that was asked first may restart, or leave its cluster
   * by that very operation.
   */
  async witnesses(): Promise<DaemonClient[]> {
    const { named } = this.parts;
    if (!named) return this.localClients().map(({ client }) => client);
    const status = await named.reader.status().catch(() => null);
    return [named.reader, ...(status?.nodes ?? []).map((node) => DaemonClient.plain(addressOf(node.api)))];
  }

  /** Every daemon that is known here, with what proves who asks where there is such a thing. */
  async daemons(): Promise<{ name: string; client: DaemonClient }[]> {
    const { named } = this.parts;
    if (!named) return this.localClients().map(({ host, client }) => ({ name: host.name, client }));
    const own = await named.reader.host();
    const status = await named.reader.status().catch(() => null);
    const others = (status?.nodes ?? []).filter(({ name }) => name !== own.name);
    return [
      { name: own.name, client: named.writer ?? named.reader },
      ...others.map(({ name, api }) => ({ name, client: named.reach(addressOf(api)) })),
    ];
  }

  /** What this machine knows that nobody else is to see. */
  secrets(): string[] {
    const { secrets } = this.parts;
    if (!secrets) return [];
    const { application, metadata, console } = secrets;
    const all = [
      application.password,
      metadata.password,
      console.secret,
      console.admin.password,
      console.token,
    ];
    return all.filter((secret) => secret !== null);
  }

  /**
   * The shape of `status --json`, completed by what only this machine knows.
   *
   * @throws QuantaError PEER_UNREACHABLE when no daemon answers
   */
  async status(): Promise<SystemStatus> {
    const { named, system, secrets } = this.parts;
    const answers = named
      ? [await ask(named.reader)]
      : await Promise.all(this.localClients().map(({ host, client }) => askKnown(host, client)));
    if (answers.every(({ host }) => host.state === 'unreachable')) throw nobodyAnswers();
    const localApis = new Set((system?.hosts ?? []).map((host) => host.api));
    return assembleStatus({ answers, localApis, secrets, console: this.parts.system?.console ?? null });
  }

  /**
   * What is known of a host, for `node add`.
   *
   * @throws QuantaError NOT_FOUND
   */
  configFileOf(name: string): string {
    const host = this.parts.system?.hosts.find((each) => each.name === name);
    if (host) return host.config;
    throw new QuantaError('NOT_FOUND', `no host ${name} is known here`, {
      hint: '`quantadb hosts` lists them.',
    });
  }

  /**
   * A host of the local system, by its name.
   *
   * @throws QuantaError NOT_FOUND
   */
  clientOf(name: string): DaemonClient {
    const found = this.localClients().find(({ host }) => host.name === name);
    if (found) return found.client;
    throw new QuantaError('NOT_FOUND', `no host ${name} is known here`, {
      hint: '`quantadb hosts` lists them.',
    });
  }

  private localClients(): { host: KnownHost; client: DaemonClient }[] {
    const hosts = this.parts.system?.hosts ?? [];
    return hosts.map((host) => ({ host, client: DaemonClient.overSocket(host.socket) }));
  }

  private async firstMember(): Promise<DaemonClient> {
    let spare: DaemonClient | null = null;
    for (const { client } of this.localClients()) {
      const host = await client.host().catch(() => null);
      if (host?.cluster) return client;
      if (host) spare ??= client;
    }
    if (spare) return spare;
    throw nobodyAnswers();
  }
}

async function namedDaemon(node: string, home: string): Promise<NamedDaemon> {
  const tls = await operatorCertificate(home);
  const overTls = (address: { host: string; port: number }) =>
    tls && DaemonClient.overTls({ ...address, tls });
  const reach: NamedDaemon['reach'] = (address) => overTls(address) ?? DaemonClient.plain(address);
  if (node.endsWith('.json')) {
    const client = await localDaemon(node);
    return { reader: client, writer: client, reach };
  }
  const address = parseAddress(node);
  return { reader: DaemonClient.plain(address), writer: overTls(address), reach };
}

async function ask(client: DaemonClient): Promise<HostAnswer> {
  const host = await client.host();
  return { host, status: host.cluster ? await client.status() : null };
}

async function askKnown(known: KnownHost, client: DaemonClient): Promise<HostAnswer> {
  const { name, api } = known;
  return ask(client).catch(() => ({
    host: { name, state: 'unreachable', cluster: null, api },
    status: null,
  }));
}

function nobodyAnswers(): QuantaError {
  return new QuantaError('PEER_UNREACHABLE', 'no daemon answers', {
    hint: 'Start the local system: npm start',
  });
}

/** @throws UsageError */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  const host = match?.groups?.bracketed ?? match?.groups?.plain;
  if (host && port >= 1 && port <= 65_535) return { host, port };
  throw new UsageError(`${text} is no host:port, nor a host.json`);
}

function addressOf(api: string): { host: string; port: number } {
  const { hostname, port } = new URL(api);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

async function operatorCertificate(home: string): Promise<{ ca: string; cert: string; key: string } | null> {
  const read = (name: string) => readFile(join(home, 'pki', name), 'utf8');
  try {
    const [ca, cert, key] = await Promise.all([read('ca.crt'), read('operator.crt'), read('operator.key')]);
    return { ca, cert, key };
  } catch {
    return null;
  }
}
