import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { QueryRouter } from '../query-router.ts';
import type { CrewAnswer, CrewQuestion } from './crew-questions.ts';
import { type FromWorker, type ToWorker, toWorkerSchema, type WorkerReport } from './messages.ts';
import { Questions } from './questions.ts';
import { type Boss, WorkerDoor } from './worker-door.ts';

export interface WorkerHost {
  /** The daemon that has started this process. */
  parent: Boss;
  createLogger(options: { name: string; logLevel: string; logFile: string | null }): Logger;
  exit(code: number): void;
}

type Start = ToWorker & { kind: 'start' };

const reportMs = 1_000;
/** While transactions are to end, somebody waits for the news that they have. */
const drainLookMs = 5;
const orphanDrainMs = 10_000;
const askDeadlineMs = 2_000;
/** The daemon tells what it sees each second; what it saw longer ago than this says nothing of how far standbys lag. */
const topologyMaxAgeMs = 5_000;
/** A daemon that has died without a word is started again at once, or it was its host's last. */
const orphanWaitMs = 5_000;
/** The port is a predecessor's until that has heard that it is not any more. */
const openRetryMs = 3_000;
const openPauseMs = 2;

/** The router's process: a QueryRouter that does what its daemon says, and after that one's end the next. */
export class RouterWorker {
  private readonly host: WorkerHost;
  private boss: Boss | null;
  private router: QueryRouter | null = null;
  private started: Start | null = null;
  private door: WorkerDoor | null = null;
  private isOpen = false;
  private isRetired = false;
  private isEnding = false;
  /** How long the next daemon is waited for; null: this one has not said that it leaves. */
  private waitMs: number | null = null;
  private waiting: NodeJS.Timeout | undefined;
  private drainWatch: NodeJS.Timeout | null = null;
  private readonly othersQuestions = new Questions<CrewAnswer[]>(askDeadlineMs);
  private readonly questions = new Questions<number | null | 'unsupported'>(askDeadlineMs);

  constructor(host: WorkerHost) {
    this.host = host;
    this.boss = host.parent;
  }

  /** @param handle of a port that is shared with other workers */
  async heard(boss: Boss, message: unknown, handle?: unknown): Promise<void> {
    const parsed = toWorkerSchema.safeParse(message);
    if (!parsed.success) {
      boss.tell({ kind: 'failed', reason: `not understood: ${parsed.error.message}` });
      return;
    }
    const said: ToWorker = parsed.data;
    if (said.kind === 'attach') this.follow(boss);
    else if (boss === this.boss) await this.obey(said, handle);
  }

  /** The daemon is gone. Its successor is waited for; without one this lets go of the port, and of its clients in order. */
  lost(boss: Boss): void {
    if (boss !== this.boss || this.isEnding) return;
    this.boss = null;
    const waitMs = this.door === null ? 0 : (this.waitMs ?? orphanWaitMs);
    this.waitMs = null;
    this.waiting = setTimeout(() => void this.end(orphanDrainMs), waitMs);
  }

  /** Somebody wants this process to end. */
  async orphaned(): Promise<void> {
    await this.end(orphanDrainMs);
  }

  private async obey(said: ToWorker, handle: unknown): Promise<void> {
    switch (said.kind) {
      case 'start':
        return this.start(said, handle);
      case 'open':
        return this.open(handle, openRetryMs);
      case 'topology':
        this.router?.useTopology(said.topology);
        this.report();
        this.watchDrain();
        return;
      case 'settings':
        return this.router?.useSettings(said.settings);
      case 'certificate':
        return this.router?.useCertificate(said.tls);
      case 'question':
        return this.tell({ kind: 'answer', id: said.id, answer: this.router?.answer(said.question) ?? null });
      case 'answers':
        return this.othersQuestions.answered(said.id, said.answers);
      case 'epoch':
        return this.questions.answered(said.id, said.epoch);
      case 'leave':
        this.waitMs = said.waitMs;
        return;
      case 'retire':
        return this.retire(said.lifeMs);
      case 'attach':
        return;
      case 'stop':
        return this.end(said.drainMs);
    }
  }

  /** The newest daemon counts: an older one that still hangs on must not say anything any more. */
  private follow(boss: Boss): void {
    const { started } = this;
    if (this.isEnding || !started) {
      boss.dismiss();
      return;
    }
    this.boss?.dismiss();
    this.boss = boss;
    this.waitMs = null;
    clearTimeout(this.waiting);
    // Nobody will answer what the former one was asked.
    this.othersQuestions.endAll([]);
    this.questions.endAll(null);
    const { likeness, place } = started;
    this.tell({ kind: 'hello', hello: { likeness, place, isOpen: this.isOpen && !this.isRetired } });
    this.report();
  }

  private async start(said: Start, handle: unknown): Promise<void> {
    if (this.router) return;
    this.started = said;
    const logger = this.host.createLogger(said);
    const router = new QueryRouter({
      listen: said.listen,
      crew: { ...said.place, askOthers: (question) => this.askOthers(question) },
      settings: said.settings,
      tls: said.tls,
      logger,
      reload: () => this.tell({ kind: 'reload' }),
      askEpoch: () => (said.isAttentive ? this.askEpoch() : Promise.resolve('unsupported')),
      topologyMaxAgeMs: said.isAttentive ? topologyMaxAgeMs : null,
    });
    this.router = router;
    if (said.topology) router.useTopology(said.topology);
    setInterval(() => this.report(), reportMs).unref();
    if (said.doors !== null) await this.openDoor(said.doors, logger);
    if (said.isOpening) await this.open(handle, 0);
    else this.tell({ kind: 'ready' });
  }

  /** Without it the next daemon opens a router anew. */
  private async openDoor(directory: string, logger: Logger): Promise<void> {
    try {
      this.door = await WorkerDoor.open(directory, {
        heard: (boss, message) => void this.heard(boss, message),
        lost: (boss) => this.lost(boss),
      });
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the next daemon will not find this router');
    }
  }

  private async open(handle: unknown, retryMs: number): Promise<void> {
    const { router, started } = this;
    if (!router || !started || this.isOpen) return;
    const endMs = performance.now() + retryMs;
    for (;;) {
      try {
        const port = await router.start(started.place.count > 1 ? handle : undefined);
        this.isOpen = true;
        this.tell({ kind: 'listening', port });
        break;
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (isTaken && performance.now() < endMs && !this.isEnding) {
          await sleep(openPauseMs);
          continue;
        }
        this.tell({ kind: 'failed', reason: messageOf(error) });
        this.door?.close();
        this.host.exit(1);
        return;
      }
    }
    this.report();
    this.watchDrain();
  }

  /** Sessions go on, as true as ever, because the daemon goes on telling what it sees. */
  private async retire(lifeMs: number): Promise<void> {
    const { router } = this;
    if (router && !this.isRetired) {
      this.isRetired = true;
      await router.closePort();
      setTimeout(() => void this.end(orphanDrainMs), lifeMs).unref();
      setInterval(() => {
        if (router.isEmpty) void this.end(0);
      }, reportMs).unref();
    }
    this.tell({ kind: 'closed' });
  }

  private tell(message: FromWorker): void {
    this.boss?.tell(message);
  }

  private askEpoch(): Promise<number | null | 'unsupported'> {
    if (!this.boss) return Promise.resolve(null);
    return this.questions.ask((id) => this.tell({ kind: 'ask-epoch', id }), null);
  }

  private askOthers(question: CrewQuestion): Promise<CrewAnswer[]> {
    if (!this.boss) return Promise.resolve([]);
    return this.othersQuestions.ask((id) => this.tell({ kind: 'ask-others', id, question }), []);
  }

  /** Everybody waits for the last transaction to end: that is told at once. */
  private watchDrain(): void {
    if (this.drainWatch) clearInterval(this.drainWatch);
    const { router } = this;
    const isDraining = router !== null && router.currentTopology.drain !== null;
    let wasBusy: boolean | null = null;
    const look = () => {
      const isBusy = router !== null && router.desk.busyIn(null) > 0;
      if (isBusy !== wasBusy) this.report();
      wasBusy = isBusy;
    };
    this.drainWatch = isDraining ? setInterval(look, drainLookMs).unref() : null;
  }

  private report(): void {
    if (!this.router || this.isEnding) return;
    this.tell({ kind: 'report', report: reportOf(this.router) });
  }

  private async end(drainMs: number): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    this.door?.close();
    await this.router?.stop(drainMs, () => this.tell({ kind: 'closed' }));
    this.host.exit(0);
  }
}

function reportOf(router: QueryRouter): WorkerReport {
  const sessions = [...router.desk.sessions.values()];
  const groups = router.groups.list();
  const { drain, epoch } = router.currentTopology;
  return {
    clients: sessions.length + router.replication.count,
    busy: router.desk.busyIn(null),
    waiting: groups.reduce((sum, group) => sum + group.waitingCount, 0),
    servers: groups.flatMap((group) => group.poolList).reduce((sum, pool) => sum + pool.all.size, 0),
    epoch,
    isDraining: drain !== null,
    counters: { ...router.counters },
  };
}
