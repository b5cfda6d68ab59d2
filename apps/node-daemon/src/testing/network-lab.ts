import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const prefix = 'qdb';
const nftFile = '/usr/sbin/nft';

async function ip(...args: string[]): Promise<string> {
  return (await run('ip', args)).stdout;
}

/**
 * Hosts as network namespaces on one bridge, so that links between them can be cut one direction at a time. The bridge
 * has a namespace of its own; the machine's own network gets one more interface, by which the test's clients reach
 * every host whatever is cut between them (`partition.ts`). One at a time in a process.
 */
export class NetworkLab {
  private readonly name: string;
  private readonly subnet: string;
  readonly hosts: readonly string[];

  private constructor(name: string, subnet: string, hosts: readonly string[]) {
    this.name = name;
    this.subnet = subnet;
    this.hosts = hosts;
  }

  static async create(hosts: readonly string[]): Promise<NetworkLab> {
    if (process.getuid?.() !== 0 || !existsSync(nftFile))
      throw new Error(
        'Networks for hosts need root and nftables. As root: node scripts/setup.mjs --for-tests',
      );
    await sweep();
    const lab = new NetworkLab(`${prefix}${process.pid}`, await freeSubnet(), hosts);
    try {
      await lab.build();
    } catch (error) {
      await lab.remove();
      throw error;
    }
    return lab;
  }

  /** Where the test's clients come from, in PostgreSQL's words. */
  get network(): string {
    return `${this.subnet}.0/24`;
  }

  addressOf(host: string): string {
    return `${this.subnet}.${10 + this.hosts.indexOf(host)}`;
  }

  namespaceOf(host: string): string {
    return `${this.name}-${this.hosts.indexOf(host)}`;
  }

  /** From now on `host` drops what these others send to it. */
  async drop(host: string, senders: readonly string[]): Promise<void> {
    if (senders.length === 0) return;
    const addresses = senders.map((sender) => this.addressOf(sender));
    await this.nft(host, `add element inet lab cut { ${addresses.join(', ')} }`);
  }

  async dropNothing(host: string): Promise<void> {
    await this.nft(host, 'flush set inet lab cut');
  }

  /** The processes in it have to be gone. */
  async remove(): Promise<void> {
    await removeNamespaces(this.name);
  }

  private async build(): Promise<void> {
    const bridge = `${this.name}-sw`;
    await ip('netns', 'add', bridge);
    await ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge');
    await ip('-n', bridge, 'link', 'set', 'br0', 'up');
    await ip('link', 'add', this.name, 'type', 'veth', 'peer', 'name', 'root', 'netns', bridge);
    await this.plug(bridge, 'root');
    await ip('addr', 'add', `${this.subnet}.1/24`, 'dev', this.name);
    await ip('link', 'set', this.name, 'up');
    for (const [index, host] of this.hosts.entries()) {
      const namespace = this.namespaceOf(host);
      await ip('netns', 'add', namespace);
      const peer = ['peer', 'name', `port${index}`, 'netns', bridge];
      await ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', ...peer);
      await this.plug(bridge, `port${index}`);
      await ip('-n', namespace, 'addr', 'add', `${this.addressOf(host)}/24`, 'dev', 'eth0');
      await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      await ip('-n', namespace, 'link', 'set', 'lo', 'up');
      await this.nft(host, 'add table inet lab');
      await this.nft(host, 'add set inet lab cut { type ipv4_addr; }');
      await this.nft(host, 'add chain inet lab input { type filter hook input priority 0; }');
      await this.nft(host, 'add rule inet lab input ip saddr @cut drop');
    }
  }

  private async plug(bridge: string, port: string): Promise<void> {
    await ip('-n', bridge, 'link', 'set', port, 'master', 'br0');
    await ip('-n', bridge, 'link', 'set', port, 'up');
  }

  private async nft(host: string, command: string): Promise<void> {
    await run('ip', ['netns', 'exec', this.namespaceOf(host), 'nft', command]);
  }
}

/**
 * Removes what runs that were killed have left behind, also one that had the number of this process. A run of all tests
 * has done so at its beginning, and what its own files leave behind is a failure that it has to see.
 */
async function sweep(): Promise<void> {
  const isPartOfRun = process.env.QUANTADB_TEST_RUN !== undefined;
  const owners = new Set((await namespaces()).map((name) => name.split('-')[0] ?? ''));
  for (const owner of owners) {
    const pid = owner.slice(prefix.length);
    if (!/^\d+$/.test(pid)) continue;
    const isGone = !isPartOfRun && !existsSync(`/proc/${pid}`);
    if (isGone || Number(pid) === process.pid) await removeNamespaces(owner);
  }
}

async function removeNamespaces(owner: string): Promise<void> {
  // The kernel takes namespaces apart when it has time: until then the name would be taken.
  await ip('link', 'del', owner).catch(() => '');
  for (const name of await namespaces()) if (name.startsWith(`${owner}-`)) await ip('netns', 'del', name);
}

async function namespaces(): Promise<string[]> {
  const lines = (await ip('netns', 'list')).split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(prefix));
}

/** One out of the range that is reserved for networks inside of networks (RFC 6598), and not in use here. */
async function freeSubnet(): Promise<string> {
  const routes = await ip('route');
  for (let third = process.pid % 256, tries = 0; tries < 256; third = (third + 1) % 256, tries += 1) {
    const subnet = `100.${64 + (process.pid % 64)}.${third}`;
    if (!routes.includes(`${subnet}.`)) return subnet;
  }
  throw new Error('no free subnet');
}
