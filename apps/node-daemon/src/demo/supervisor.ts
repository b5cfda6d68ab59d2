import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@quantadb/engine/shared/errors';
import { DaemonClient } from '../client.ts';
import type { SystemFile } from './installation.ts';
import { hostDirectory } from './layout.ts';
import { ManagedProcess } from './managed-process.ts';

export interface SupervisorOptions {
  home: string;
  system: SystemFile;
  say(line: string): void;
}

const daemonFile = fileURLToPath(new URL('../main.js', import.meta.url));
const restartAfterMs = 15_000;
const shutdownDeadlineMs = 55_000;
const leftoverDeadlineMs = 5000;

/** Runs the daemons of the local system, and ends all of it in the order that loses nothing and waits for nobody. */
export class DemoSupervisor {
  private readonly options: SupervisorOptions;
  private readonly daemons: Map<string, ManagedProcess>;

  constructor(options: SupervisorOptions) {
    this.options = options;
    const { home, system, say } = options;
    this.daemons = new Map(
      system.hosts.map((host) => [
        host.name,
        new ManagedProcess({
          name: host.name,
          file: process.execPath,
          args: [daemonFile, host.config],
          logFile: join(hostDirectory(home, host.name), 'daemon.log'),
          restartAfterMs,
          onEnded: (name, afterMs) =>
            say(`The daemon of ${name} has ended; it starts again in ${afterMs / 1000} s.`),
        }),
      ]),
    );
  }

  client(name: string): DaemonClient {
    const host = this.options.system.hosts.find((each) => each.name === name);
    if (!host) throw new Error(`no host ${name}`);
    return DaemonClient.overSocket(host.socket);
  }

  /** Daemons of a supervisor that was killed go on without one: they are replaced, their PostgreSQL is adopted. */
  async start(): Promise<void> {
    await Promise.all([...this.daemons.keys()].map((name) => this.endLeftover(name)));
    await Promise.all([...this.daemons.values()].map((daemon) => daemon.start()));
  }

  /**
   * The primary stops first, while its standbys still confirm the last of its WAL; then everybody else.
   *
   * @returns false when something had to be killed
   */
  async stop(): Promise<boolean> {
    for (const daemon of this.daemons.values()) daemon.prepareEnd();
    const primary = await this.primary();
    const isPrimaryEnded = primary === null || (await this.stopHost(primary));
    const others = [...this.daemons.keys()].filter((name) => name !== primary);
    const ended = await Promise.all(others.map((name) => this.stopHost(name)));
    return isPrimaryEnded && ended.every(Boolean);
  }

  private async primary(): Promise<string | null> {
    const reports = await Promise.all(
      [...this.daemons.keys()].map((name) =>
        this.client(name)
          .node()
          .catch(() => null),
      ),
    );
    return reports.find((report) => report?.role === 'primary')?.name ?? null;
  }

  private async stopHost(name: string): Promise<boolean> {
    const daemon = this.daemons.get(name);
    if (!daemon?.isRunning) return true;
    try {
      await this.client(name).shutdown('stop');
      if (await daemon.waitForEnd(shutdownDeadlineMs)) return true;
    } catch (error) {
      this.options.say(`${name} could not be asked to stop (${messageOf(error)}).`);
    }
    await daemon.end();
    return false;
  }

  private async endLeftover(name: string): Promise<void> {
    const client = this.client(name);
    const report = await client.node().catch(() => null);
    const pid = report?.pids.daemon;
    if (!pid) return;
    this.options.say(`A daemon of ${name} still runs without a supervisor; it is replaced.`);
    await client.shutdown('leave').catch(() => undefined);
    const endMs = performance.now() + leftoverDeadlineMs;
    while (isAlive(pid) && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 50));
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
