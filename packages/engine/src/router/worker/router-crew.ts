import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { RouterSettings } from '../../contract/router-settings.ts';
import type { ControlTls } from '../control/control-connection.ts';
import type { RouterTopology } from '../topology.ts';
import type { CrewAnswer, CrewQuestion } from './crew-questions.ts';
import type { WorkerReport } from './messages.ts';
import { addedUp, RouterSupervisor, type RouterSupervisorOptions } from './router-supervisor.ts';

export interface RouterCrewOptions extends Omit<RouterSupervisorOptions, 'place' | 'handle' | 'askOthers'> {
  /** Processes behind the port, each for connections of its own. */
  workers: number;
}

interface BoundSocket {
  close(): void;
  getsockname(found: { port?: number }): number;
}

/**
 * The workers of one router. Several listen on one socket, which this process binds and never accepts from: the kernel hands
 * each connection to one of them, and while one is started again nobody is refused.
 */
export class RouterCrew {
  private readonly options: RouterCrewOptions;
  private readonly members: RouterSupervisor[];
  private bound: BoundSocket | null = null;

  constructor(options: RouterCrewOptions) {
    this.options = options;
    const { workers: count } = options;
    this.members = Array.from({ length: count }, (_, index) => {
      const own: RouterSupervisor = new RouterSupervisor({
        ...options,
        settings: shareOf(options.settings, count),
        place: { index, count },
        handle: () => (count === 1 ? undefined : this.socket()),
        askOthers: (question) => this.askAllBut(own, question),
      });
      return own;
    });
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  useTopology(topology: RouterTopology): void {
    for (const member of this.members) member.useTopology(topology);
  }

  useSettings(settings: RouterSettings): void {
    const share = shareOf(settings, this.members.length);
    for (const member of this.members) member.useSettings(share);
  }

  useCertificate(tls: ControlTls): void {
    for (const member of this.members) member.useCertificate(tls);
  }

  get pids(): number[] {
    return this.members.flatMap(({ pids }) => pids);
  }

  /** What the workers said last, added up; null while none is ready for clients. */
  get report(): WorkerReport | null {
    const reports = this.members.flatMap(({ report }) => (report ? [report] : []));
    return reports.length === 0 ? null : sumOf(reports);
  }

  /** Why no client can come in; null while one can. */
  get trouble(): { detail: string; sinceMs: number } | null {
    const troubles = this.members.map(({ trouble }) => trouble);
    return troubles.includes(null) ? null : (troubles[0] ?? null);
  }

  async stop(drainMs: number, until: 'ended' | 'closed' = 'ended'): Promise<void> {
    this.bound?.close();
    this.bound = null;
    await Promise.all(this.members.map((member) => member.stop(drainMs, until)));
  }

  private async askAllBut(own: RouterSupervisor, question: CrewQuestion): Promise<CrewAnswer[]> {
    const others = this.members.filter((member) => member !== own);
    const answers = await Promise.all(others.map((member) => member.ask(question)));
    return answers.filter((answer) => answer !== undefined);
  }

  /** Undefined when it cannot be bound: a worker that gets none opens the port itself, and says what is wrong. */
  private socket(): BoundSocket | undefined {
    if (this.bound) return this.bound;
    const { host, port } = this.options.listen;
    // What Node.js's own `cluster` does; it has no other way to bind a socket for processes that are to accept from it.
    const { _createServerHandle: bind } = net as unknown as {
      _createServerHandle(host: string, port: number, family: 4 | 6, fd: number): BoundSocket | number;
    };
    const made = bind(host, port, net.isIPv6(host) ? 6 : 4, -1);
    if (typeof made === 'number' || !isBoundTo(made, port)) {
      const reason = typeof made === 'number' ? getSystemErrorName(made) : 'EADDRINUSE';
      if (typeof made !== 'number') made.close();
      this.options.logger.warn({ reason }, 'the port of the router is not free');
      return undefined;
    }
    this.bound = made;
    return made;
  }
}

/** That a port is taken is said when somebody listens; on one that is bound to nothing that would open any port. */
function isBoundTo(socket: BoundSocket, port: number): boolean {
  const found: { port?: number } = {};
  socket.getsockname(found);
  return port === 0 ? false : found.port === port;
}

/** What one of several workers may use of what the router may (pure). Which of them a client comes to is left to chance. */
export function shareOf(settings: RouterSettings, workers: number): RouterSettings {
  const part = (value: number) => Math.max(1, Math.floor(value / workers));
  return {
    ...settings,
    poolSize: part(settings.poolSize),
    serverConnectionsMax: part(settings.serverConnectionsMax),
    sharedConnections: part(settings.sharedConnections),
    clientsMax: Math.ceil(settings.clientsMax / workers),
    queueMax: Math.ceil(settings.queueMax / workers),
  };
}

/** (pure) */
export function sumOf(reports: readonly WorkerReport[]): WorkerReport {
  const sum = (of: (report: WorkerReport) => number) => reports.reduce((total, each) => total + of(each), 0);
  const counters = addedUp(...reports.map((report) => report.counters));
  return {
    ...{ clients: sum(({ clients }) => clients), busy: sum(({ busy }) => busy) },
    ...{ waiting: sum(({ waiting }) => waiting), servers: sum(({ servers }) => servers), counters },
    // What the last of them does not know yet, or has not done, the router has not.
    epoch: Math.min(...reports.map(({ epoch }) => epoch)),
    isDraining: reports.every(({ isDraining }) => isDraining),
  };
}
