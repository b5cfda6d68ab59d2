import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import type { HostConfig } from '../host-config.ts';
import { osUserNamed } from '../preflight/os-user.ts';

const run = promisify(execFile);

/** A PostgreSQL server as people run one before they have heard of QuantaDB: initdb, a few settings, pg_ctl. */
export class PlainServer {
  private readonly config: HostConfig;
  private readonly port: number;
  readonly socketDirectory: string;

  constructor(config: HostConfig) {
    this.config = config;
    this.port = config.addresses.postgres?.port ?? 0;
    this.socketDirectory = join(dirname(config.dataDir), 'socket');
  }

  /** @param settings lines of postgresql.conf */
  async create(settings: string[], hba: string[]): Promise<void> {
    const { dataDir } = this.config;
    await mkdir(this.socketDirectory, { recursive: true });
    const user = await osUserNamed(this.config.osUser);
    if (user) await chown(dirname(dataDir), user.uid, user.gid);
    if (user) await chown(this.socketDirectory, user.uid, user.gid);
    await this.program('initdb', ['-D', dataDir, '-U', 'postgres', '--auth-local=peer']);
    const own = [`port = ${this.port}`, `unix_socket_directories = '${this.socketDirectory}'`];
    await appendFile(join(dataDir, 'postgresql.conf'), `${[...own, ...settings].join('\n')}\n`);
    await writeFile(join(dataDir, 'pg_hba.conf'), `${['local all all peer', ...hba].join('\n')}\n`);
  }

  async start(): Promise<void> {
    const log = join(this.socketDirectory, 'log');
    await this.program('pg_ctl', ['-D', this.config.dataDir, '-l', log, '-w', 'start']);
  }

  async stop(): Promise<void> {
    await this.program('pg_ctl', ['-D', this.config.dataDir, '-m', 'fast', '-w', 'stop']);
  }

  /** As after years of work: so many transactions have been, and nothing was frozen meanwhile. Less than forces a vacuum. */
  async useTransactionIds(count: number): Promise<void> {
    const { dataDir } = this.config;
    await this.stop();
    await this.program('pg_resetwal', ['-x', String(count), '-D', dataDir]);
    // The states of the newest transactions are looked up in this file: 8 kB pages of four transactions a byte, 32 in a file.
    const segment = Math.floor(count / (8192 * 4 * 32));
    const file = join(dataDir, 'pg_xact', segment.toString(16).toUpperCase().padStart(4, '0'));
    await writeFile(file, Buffer.alloc(8192 * 32));
    const user = await osUserNamed(this.config.osUser);
    if (user) await chown(file, user.uid, user.gid);
    await this.start();
  }

  /** It gets a past: a restore, say, or a failover by hand, has begun a new timeline. */
  async beginTimeline(): Promise<void> {
    const { dataDir } = this.config;
    await this.stop();
    await writeFile(join(dataDir, 'recovery.signal'), '');
    await appendFile(join(dataDir, 'postgresql.conf'), "restore_command = 'false'\n");
    await this.start();
    // It answers before it has ended its recovery, and removes the signal itself.
    const isOpen = async () => ((await this.sql('SELECT pg_is_in_recovery()')) === 'f' ? true : undefined);
    await pollUntil(isOpen, { what: 'the server is open', timeoutMs: 30_000, intervalMs: 50 });
  }

  async sql(text: string): Promise<string> {
    const where = ['-h', this.socketDirectory, '-p', String(this.port), '-U', 'postgres', '-d', 'postgres'];
    return (await this.program('psql', ['-X', '-A', '-t', '-q', ...where, '-c', text])).trim();
  }

  private async program(name: string, args: string[]): Promise<string> {
    const file = join(this.config.binDir, name);
    const { osUser } = this.config;
    const [program = '', ...rest] = osUser
      ? ['setpriv', `--reuid=${osUser}`, `--regid=${osUser}`, '--clear-groups', file, ...args]
      : [file, ...args];
    return (await run(program, rest, { cwd: '/', timeout: 60_000 })).stdout;
  }
}
