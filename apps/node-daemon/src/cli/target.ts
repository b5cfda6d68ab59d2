import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus, HostStatus, SystemStatus } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { DaemonClient } from '../client.ts';
import { readSecrets, readSystem, type Secrets, type SystemFile } from '../demo/installation.ts';
import { chooseHome } from '../preflight/home.ts';

export interface TargetOptions {
  /** `host:port` of one daemon, asked in place of the local system. */
  node?: string | undefined;
  home?: string | undefined;
}

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

export async function homeOf(options: TargetOptions): Promise<{ path: string; note: string | null }> {
  const isRoot = process.getuid?.() === 0;
  return chooseHome({ wanted: options.home ?? process.env.QUANTADB_HOME, repository, isRoot });
}

/** Whom a command talks to: the daemons of the local system, or one that was named. */
export class Target {
  private readonly system: SystemFile | null;
  private readonly secrets: Secrets | null;
  private readonly named: { reader: DaemonClient; writer: DaemonClient | null } | null;

  private constructor(parts: {
    system: SystemFile | null;
    secrets: Secrets | null;
    named: { reader: DaemonClient; writer: DaemonClient | null } | null;
  }) {
    this.system = parts.system;
    this.secrets = parts.secrets;
    this.named = parts.named;
  }

  static async find(options: TargetOptions): Promise<Target> {
    const { path } = await homeOf(options);
    const secrets = await readSecrets(path);
    if (!options.node) return new Target({ system: await readSystem(path), secrets, named: null });
    const match = /^(?<host>[^:]+|\[[^\]]+\]):(?<port>\d{1,5})$/.exec(options.node);
    if (!match?.groups) throw new QuantaError('CONFIG_INVALID', `--node ${options.node} is not host:port`);
    const address = { host: match.groups.host ?? '', port: Number(match.groups.port) };
    const tls = await operatorCertificate(path);
    const writer = tls ? DaemonClient.overTls({ ...address, tls }) : null;
    return new Target({ system: null, secrets, named: { reader: DaemonClient.plain(address), writer } });
  }

  /**
   * A daemon that answers, for reading.
   *
   * @throws QuantaError PEER_UNREACHABLE when none does
   */
  async reader(): Promise<DaemonClient> {
    if (this.named) return this.named.reader;
    return this.firstMember();
  }

  /** @throws QuantaError UNAUTHORIZED without an operator's certificate, PEER_UNREACHABLE */
  async writer(): Promise<DaemonClient> {
    if (!this.named) return this.firstMember();
    if (this.named.writer) return this.named.writer;
    throw new QuantaError('UNAUTHORIZED', 'changes through --node need the operator’s certificate', {
      hint: 'It is looked for in QUANTADB_HOME/pki (operator.crt, operator.key, ca.crt).',
    });
  }

  /** The shape of `status --json`, completed by what only this machine knows. */
  async status(): Promise<SystemStatus> {
    const clusters = new Map<string, ClusterStatus>();
    const hosts = await Promise.all(
      this.clients().map(({ host, client }) => this.look(host, client, clusters)),
    );
    const found = hosts.filter((host) => host !== null);
    if (found.every((host) => host.state === 'unreachable')) {
      throw new QuantaError('PEER_UNREACHABLE', 'no daemon answers', {
        hint: 'Start the local system: npm start',
      });
    }
    return {
      console: null,
      hosts: found,
      clusters: [...clusters.values()].map((cluster) => this.complete(cluster)),
    };
  }

  /** What is known of a host, for `node add`. */
  configFileOf(name: string): string {
    const host = this.system?.hosts.find((each) => each.name === name);
    if (host) return host.config;
    throw new QuantaError('NOT_FOUND', `no host ${name} is known here`, {
      hint: '`quantadb hosts` lists them.',
    });
  }

  private clients(): { host: SystemFile['hosts'][number] | null; client: DaemonClient }[] {
    if (this.named) return [{ host: null, client: this.named.reader }];
    return (this.system?.hosts ?? []).map((host) => ({ host, client: DaemonClient.overSocket(host.socket) }));
  }

  private async look(
    known: SystemFile['hosts'][number] | null,
    client: DaemonClient,
    clusters: Map<string, ClusterStatus>,
  ): Promise<HostStatus | null> {
    try {
      const host = await client.host();
      const status = host.cluster && !clusters.has(host.cluster) ? await client.status() : null;
      const other = status && clusters.get(status.name);
      if (status && (!other || other.revision <= status.revision)) clusters.set(status.name, status);
      return host;
    } catch (error) {
      if (known) return { name: known.name, state: 'unreachable', cluster: null, api: known.api };
      throw error;
    }
  }

  private async firstMember(): Promise<DaemonClient> {
    let spare: DaemonClient | null = null;
    for (const { client } of this.clients()) {
      const host = await client.host().catch(() => null);
      if (host?.cluster) return client;
      if (host) spare = client;
    }
    if (spare) return spare;
    throw new QuantaError('PEER_UNREACHABLE', 'no daemon answers', {
      hint: 'Start the local system: npm start',
    });
  }

  /** Passwords never leave a daemon; who may read the local secrets gets complete connection strings. */
  private complete(cluster: ClusterStatus): ClusterStatus {
    const { secrets } = this;
    if (!secrets) return cluster;
    const { role, database, password } = secrets.application;
    const uri = (addresses: string[]) => `postgres://${role}:${password}@${addresses.join(',')}/${database}`;
    const addresses = cluster.nodes.flatMap((node) => (node.address ? [node.address] : []));
    const nodes = cluster.nodes.map((node) => ({
      ...node,
      postgres: node.address ? uri([node.address]) : null,
    }));
    return { ...cluster, nodes, connect: `${uri(addresses)}?target_session_attrs=read-write` };
  }
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
