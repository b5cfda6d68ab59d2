import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import type { RouterSettings } from '../../contract/router-settings.ts';
import { messageOf } from '../../shared/errors.ts';
import type { ControlTls } from '../control/control-connection.ts';
import type { RouterTopology } from '../topology.ts';
import type { CrewAnswer, CrewPlace, CrewQuestion } from './crew-questions.ts';
import type { WorkerReport } from './messages.ts';
import { addedUp, RouterSupervisor, type RouterSupervisorOptions } from './router-supervisor.ts';
import { findWorkers, heirsOf } from './succession.ts';
import type { FoundWorker } from './worker-channel.ts';

export interface RouterCrewOptions
  extends Omit<
    RouterSupervisorOptions,
    'place' | 'handle' | 'askOthers' | 'likeness' | 'ended' | 'isReplaceable'
  > {
  /** Processes behind the port, each for connections of its own. */
  workers: number;
  /** How long a daemon that is about to be replaced is waited for: longer than a primary's lease lasts meanwhile. */
  successorWaitMs: number;
  /** Of the program as it is on the disk: another one is another release. */
  build(): Promise<string>;
}

interface BoundSocket {
  close(): void;
  getsockname(found: { port?: number }): number;
}

const leaveDeadlineMs = 1_000;
const knowledgeDeadlineMs = 10_000;
const knowledgePauseMs = 20;
const bindRetryMs = 3_000;
const bindPauseMs = 2;
const retiredMax = 8;
const retiredDrainMs = 10_000;

/**
 * The workers of one router. Several listen on one socket, which this process binds and never accepts from: the kernel hands
 * each connection to one of them, and while one is started again nobody is refused. They outlive the daemon that has started
 * them: the next one goes on with them, or has others take their port, and lets their sessions end by themselves.
 */
export class RouterCrew {
  private readonly options: RouterCrewOptions;
  private members: RouterSupervisor[];
  /** Whose port others have taken, or are about to. */
  private readonly retired = new Set<RouterSupervisor>();
  private bound: BoundSocket | null = null;
  private settings: RouterSettings;
  private tls: ControlTls;
  private topology: RouterTopology | null = null;
  private likeness = '';
  /** Of starts and stops: what was begun before the last of them is not gone on with. */
  private turn = 0;
  private isStopped = true;
  /** Since when workers get ready to take the port of former ones. */
  private takingOverSinceMs: number | null = null;

  constructor(options: RouterCrewOptions) {
    this.options = options;
    this.settings = options.settings;
    this.tls = options.tls;
    this.members = this.createMembers();
  }

  /** @returns when workers of a former daemon have been found, or new ones are started */
  async start(): Promise<void> {
    const turn = ++this.turn;
    this.isStopped = false;
    const { doors, logger, build, workers: count, successorWaitMs: waitMs } = this.options;
    const [found, program] = await Promise.all([doors === null ? [] : findWorkers(doors, logger), build()]);
    this.likeness = JSON.stringify([program, ...this.asked()]);
    if (turn !== this.turn) {
      for (const { channel } of found) void channel.send({ kind: 'leave', waitMs });
      return;
    }
    const heirs = heirsOf(found, { likeness: this.likeness, count });
    const others = found.filter((each) => !heirs?.includes(each));
    const predecessors = others.map((each) => this.adopted(each));
    if (heirs) {
      logger.info({ pids: heirs.map(({ channel }) => channel.pid) }, 'the router goes on under this daemon');
      this.useSettings(this.settings);
      for (const [index, heir] of heirs.entries()) this.members[index]?.adopt(heir);
      await Promise.all(predecessors.map((each) => each.retire(this.settings.replacedLifeMs)));
    } else if (predecessors.length > 0) await this.takeOver(predecessors);
    else for (const member of this.members) member.start();
  }

  useTopology(topology: RouterTopology): void {
    this.topology = topology;
    for (const each of this.everybody) each.useTopology(topology);
  }

  useSettings(settings: RouterSettings): void {
    this.settings = settings;
    const share = this.share();
    for (const each of this.everybody) each.useSettings(share);
  }

  useCertificate(tls: ControlTls): void {
    this.tls = tls;
    for (const each of this.everybody) each.useCertificate(tls);
  }

  get pids(): number[] {
    return this.everybody.flatMap(({ pids }) => pids);
  }

  /** What the workers said last, added up; null while none is ready for clients. */
  get report(): WorkerReport | null {
    const reports = this.everybody.flatMap(({ report }) => (report ? [report] : []));
    return reports.length === 0 ? null : sumOf(reports);
  }

  /** Why no client can come in; null while one can. */
  get trouble(): { detail: string; sinceMs: number } | null {
    const troubles = this.members.map(({ trouble }) => trouble);
    if (troubles.includes(null) || [...this.retired].some(({ isOpen }) => isOpen)) return null;
    return troubles[0] ?? null;
  }

  /** Why the former router still serves whoever comes, though another one is to take its place; null while none is to. */
  get heldUp(): { detail: string; sinceMs: number } | null {
    if (this.takingOverSinceMs === null) return null;
    const troubles = this.members.flatMap(({ trouble }) => (trouble ? [trouble.detail] : []));
    return { detail: troubles[0] ?? 'it is not ready yet', sinceMs: this.takingOverSinceMs };
  }

  async stop(drainMs: number, until: 'ended' | 'closed' = 'ended'): Promise<void> {
    this.halt();
    this.topology = null;
    await Promise.all(this.everybody.map((each) => each.stop(drainMs, until)));
  }

  /** This process ends; clients are to notice nothing of that until the next daemon of this host is there. */
  async leave(): Promise<void> {
    this.halt();
    const told = Promise.all(this.everybody.map((each) => each.leave(this.options.successorWaitMs)));
    const deadline = sleep(leaveDeadlineMs, undefined, { ref: false });
    await Promise.race([told, deadline]);
  }

  private halt(): void {
    this.turn++;
    this.isStopped = true;
    this.takingOverSinceMs = null;
    this.bound?.close();
    this.bound = null;
  }

  private get everybody(): RouterSupervisor[] {
    return [...this.members, ...this.retired];
  }

  /** What makes a worker another one than this daemon would start. */
  private asked(): unknown[] {
    const { name, mark, listen, logLevel, logFile } = this.options;
    return [name, mark, listen, logLevel, logFile];
  }

  private createMembers(): RouterSupervisor[] {
    const { workers: count } = this.options;
    return Array.from({ length: count }, (_, index) => this.supervisor({ index, count }));
  }

  private supervisor(place: CrewPlace): RouterSupervisor {
    const own: RouterSupervisor = new RouterSupervisor({
      ...this.options,
      settings: this.share(),
      tls: this.tls,
      place,
      likeness: () => this.likeness,
      handle: () => (place.count === 1 ? undefined : this.socket()),
      askOthers: (question) => this.askAllBut(own, question),
      // Nobody can listen beside workers on a socket that a former daemon has bound.
      isReplaceable: () =>
        place.count === 1 || this.bound !== null || !this.members.some(({ isOpen }) => isOpen),
      ended: () => this.ended(own),
    });
    if (this.topology) own.useTopology(this.topology);
    return own;
  }

  private adopted(found: FoundWorker): RouterSupervisor {
    const supervisor = this.supervisor(found.hello.place);
    this.retired.add(supervisor);
    supervisor.adopt(found, true);
    return supervisor;
  }

  /** New workers get ready first, however long that takes: the port is without anybody for the moment of a message. */
  private async takeOver(predecessors: RouterSupervisor[]): Promise<void> {
    const { turn, members } = this;
    this.takingOverSinceMs = Date.now();
    this.options.logger.info({ pids: predecessors.flatMap(({ pids }) => pids) }, 'the router is replaced');
    this.useSettings(this.settings);
    for (const member of members) member.start(true);
    await Promise.all([this.knowsAsMuchAs(predecessors), ...members.map((member) => member.ready())]);
    if (turn !== this.turn || members !== this.members) return;
    this.takingOverSinceMs = null;
    await Promise.all(predecessors.map((each) => each.retire(this.settings.replacedLifeMs)));
    if (members.length > 1) await this.bind(turn);
    if (turn !== this.turn) return;
    for (const member of members) member.open();
    for (const each of [...this.retired].slice(0, -retiredMax)) void each.stop(retiredDrainMs);
  }

  /** This daemon has just begun: who is primary may have changed since its log was written to this host's disk. */
  private async knowsAsMuchAs(predecessors: RouterSupervisor[]): Promise<void> {
    const { turn } = this;
    const endMs = performance.now() + knowledgeDeadlineMs;
    const isKnown = () => {
      const epochs = predecessors.map(({ report }) => report?.epoch ?? 0);
      return (this.topology?.epoch ?? -1) >= Math.max(...epochs);
    };
    while (turn === this.turn && !isKnown() && performance.now() < endMs) await sleep(knowledgePauseMs);
  }

  private async bind(turn: number): Promise<void> {
    const endMs = performance.now() + bindRetryMs;
    while (turn === this.turn && !this.socket() && performance.now() < endMs) await sleep(bindPauseMs);
  }

  private ended(supervisor: RouterSupervisor): void {
    if (this.retired.delete(supervisor)) {
      if (!this.isStopped) this.useSettings(this.settings);
      return;
    }
    if (this.isStopped || !this.members.includes(supervisor)) return;
    const others = this.members.filter((each) => each !== supervisor);
    for (const each of others) this.retired.add(each);
    this.members = this.createMembers();
    this.takeOver(others).catch((error: unknown) =>
      this.options.logger.error(
        { error: messageOf(error) },
        'the router of a former daemon was not replaced',
      ),
    );
  }

  private share(): RouterSettings {
    return shareOf(this.settings, this.options.workers, this.retired.size);
  }

  private async askAllBut(own: RouterSupervisor, question: CrewQuestion): Promise<CrewAnswer[]> {
    // Tables of a router with another number of workers have other columns.
    const isAsked = ({ place }: RouterSupervisor) =>
      question.what !== 'show' || place.count === own.place.count;
    const others = this.everybody.filter((each) => each !== own && isAsked(each));
    const answers = await Promise.all(others.map((each) => each.ask(question)));
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

/**
 * What one of several workers may use of what the router may (pure). Which of them a client comes to is left to chance.
 *
 * @param retired workers beside them that have sessions still, and take no clients
 */
export function shareOf(settings: RouterSettings, workers: number, retired = 0): RouterSettings {
  const part = (value: number) => Math.max(1, Math.floor(value / (workers + retired)));
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
