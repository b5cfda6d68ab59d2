import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { messageOf } from '@quantadb/engine/shared/errors';
import { DaemonClient } from '../client.ts';
import { loadHostConfig } from '../host-config.ts';
import type { SystemFile } from './installation.ts';
import { hostDirectory } from './layout.ts';
import { daemonsOf, endProcess, postmasterOf } from './leftovers.ts';
import { ManagedProcess } from './managed-process.ts';

export interface SupervisorOptions {
  home: string;
  system: SystemFile;
  say(line: string): void;
}

interface SupervisedHost {
  name: string;
  configFile: string;
  client: DaemonClient;
  daemon: ManagedProcess;
}

const daemonFile = fileURLToPath(new URL('../main.js', import.meta.url));
const restartAfterMs = 15_000;
/** More than a daemon takes at most to stop PostgreSQL or to kill it. */
const shutdownDeadlineMs = 55_000;
const reviveDeadlineMs = 15_000;
const pollMs = 100;

/** Runs the daemons of the local system, and ends all of it in the order that loses nothing and waits for nobody. */
export class DemoSupervisor {
  private readonly say: (line: string) => void;
  private readonly hosts: SupervisedHost[];

  constructor(options: SupervisorOptions) {
    this.say = options.say;
    this.hosts = options.system.hosts.map(({ name, config, socket }) => ({
      name,
      configFile: config,
      client: DaemonClient.overSocket(socket),
      daemon: new ManagedProcess({
        name,
        file: process.execPath,
        args: [daemonFile, config],
        env: { ...process.env, QUANTADB_SUPERVISED: '1' },
        logFile: join(hostDirectory(options.home, name), 'daemon.log'),
        restartAfterMs,
        onTrouble: options.say,
      }),
    }));
  }

  client(name: string): DaemonClient {
    const host = this.hosts.find((each) => each.name === name);
    if (!host) throw new Error(`no host ${name}`);
    return host.client;
  }

  /** Daemons of a supervisor that was killed go on without one: they are replaced, their PostgreSQL is adopted. */
  async start(): Promise<void> {
    await Promise.all(this.hosts.map((host) => this.endLeftovers(host)));
    await Promise.all(this.hosts.map(({ daemon }) => daemon.start()));
  }

  /**
   * The primary stops first, while its standbys still confirm the last of its WAL; then everybody else.
   *
   * @returns false when something had to be killed, or is left
   */
  async stop(): Promise<boolean> {
    await Promise.all(this.hosts.map(({ daemon }) => daemon.prepareEnd()));
    await Promise.all(this.hosts.map((host) => this.revive(host)));
    const primary = await this.primary();
    const isPrimaryEnded = primary === undefined || (await this.stopHost(primary));
    const others = this.hosts.filter((host) => host !== primary);
    const ended = await Promise.all(others.map((host) => this.stopHost(host)));
    const gone = await Promise.all(this.hosts.map((host) => this.isPostgresGone(host)));
    return isPrimaryEnded && ended.every(Boolean) && gone.every(Boolean);
  }

  /** PostgreSQL outlives its daemon, and only a daemon stops it cleanly: a dead one is replaced for that. */
  private async revive(host: SupervisedHost): Promise<void> {
    if (host.daemon.isRunning || (await this.postmaster(host)) === null) return;
    this.say(`The daemon of ${host.name} is gone, and its PostgreSQL runs: a new daemon stops it.`);
    try {
      await host.daemon.start();
      const what = `the new daemon of ${host.name} answers`;
      await pollUntil(() => host.client.node().catch(() => undefined), {
        what,
        timeoutMs: reviveDeadlineMs,
        intervalMs: pollMs,
      });
    } catch (error) {
      this.say(`${host.name} could not get a new daemon (${messageOf(error)}).`);
    }
  }

  private async primary(): Promise<SupervisedHost | undefined> {
    const reports = await Promise.all(this.hosts.map(({ client }) => client.node().catch(() => null)));
    return this.hosts.find((_, index) => reports[index]?.role === 'primary');
  }

  private async stopHost(host: SupervisedHost): Promise<boolean> {
    if (!host.daemon.isRunning) return true;
    try {
      await host.client.shutdown('stop');
      if (await host.daemon.waitForEnd(shutdownDeadlineMs)) return true;
    } catch (error) {
      this.say(`${host.name} could not be asked to stop (${messageOf(error)}).`);
    }
    await host.daemon.end();
    return false;
  }

  private async isPostgresGone(host: SupervisedHost): Promise<boolean> {
    const pid = await this.postmaster(host);
    if (pid !== null) this.say(`PostgreSQL of ${host.name} still runs (pid ${pid}).`);
    return pid === null;
  }

  private async postmaster(host: SupervisedHost): Promise<number | null> {
    const { dataDir } = await loadHostConfig(host.configFile);
    return postmasterOf(dataDir);
  }

  private async endLeftovers(host: SupervisedHost): Promise<void> {
    const pids = await daemonsOf(host.configFile);
    if (pids.length === 0) return;
    this.say(`A daemon of ${host.name} still runs without a supervisor; it is replaced.`);
    await Promise.all(pids.map((pid) => endProcess(pid)));
  }
}
