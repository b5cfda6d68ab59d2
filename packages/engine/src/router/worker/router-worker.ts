import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { QueryRouter } from '../query-router.ts';
import type { CrewAnswer, CrewQuestion } from './crew-questions.ts';
import { type FromWorker, type ToWorker, toWorkerSchema, type WorkerReport } from './messages.ts';
import { Questions } from './questions.ts';

export interface WorkerHost {
  tell(message: FromWorker): void;
  createLogger(options: { name: string; logLevel: string; logFile: string | null }): Logger;
  exit(code: number): void;
}

const reportMs = 1_000;
/** While transactions are to end, somebody waits for the news that they have. */
const drainReportMs = 20;
const orphanDrainMs = 10_000;
const askDeadlineMs = 2_000;
/** The daemon tells what it sees each second; what it saw longer ago than this says nothing of how far standbys lag. */
const topologyMaxAgeMs = 5_000;

/** The router's process: a QueryRouter that does what its daemon says. */
export class RouterWorker {
  private readonly host: WorkerHost;
  private router: QueryRouter | null = null;
  private isEnding = false;
  private drainWatch: NodeJS.Timeout | null = null;
  private readonly othersQuestions = new Questions<CrewAnswer[]>(askDeadlineMs);
  private readonly questions = new Questions<number | null | 'unsupported'>(askDeadlineMs);

  constructor(host: WorkerHost) {
    this.host = host;
  }

  /** @param handle of a port that is shared with other workers */
  async heard(message: unknown, handle?: unknown): Promise<void> {
    const parsed = toWorkerSchema.safeParse(message);
    if (!parsed.success) {
      this.host.tell({ kind: 'failed', reason: `not understood: ${parsed.error.message}` });
      return;
    }
    const said: ToWorker = parsed.data;
    switch (said.kind) {
      case 'start':
        await this.start(said, handle);
        return;
      case 'topology':
        this.router?.useTopology(said.topology);
        this.report();
        this.watchDrain();
        return;
      case 'settings':
        this.router?.useSettings(said.settings);
        return;
      case 'certificate':
        this.router?.useCertificate(said.tls);
        return;
      case 'question':
        this.host.tell({ kind: 'answer', id: said.id, answer: this.router?.answer(said.question) ?? null });
        return;
      case 'answers':
        this.othersQuestions.answered(said.id, said.answers);
        return;
      case 'epoch':
        this.questions.answered(said.id, said.epoch);
        return;
      case 'stop':
        await this.end(said.drainMs);
    }
  }

  /** The daemon is gone. Its successor opens the port again, so this one lets go of it, and of its clients in order. */
  async orphaned(): Promise<void> {
    await this.end(orphanDrainMs);
  }

  private async start(said: ToWorker & { kind: 'start' }, handle: unknown): Promise<void> {
    if (this.router) return;
    const logger = this.host.createLogger(said);
    const router = new QueryRouter({
      listen: { ...said.listen, handle: said.place.count > 1 ? handle : undefined },
      crew: { ...said.place, askOthers: (question) => this.askOthers(question) },
      settings: said.settings,
      tls: said.tls,
      logger,
      reload: () => this.host.tell({ kind: 'reload' }),
      askEpoch: () => (said.isAttentive ? this.askEpoch() : Promise.resolve('unsupported')),
      topologyMaxAgeMs: said.isAttentive ? topologyMaxAgeMs : null,
    });
    this.router = router;
    if (said.topology) router.useTopology(said.topology);
    try {
      this.host.tell({ kind: 'listening', port: await router.start() });
    } catch (error) {
      this.host.tell({ kind: 'failed', reason: messageOf(error) });
      this.host.exit(1);
      return;
    }
    this.report();
    setInterval(() => this.report(), reportMs).unref();
    this.watchDrain();
  }

  private askEpoch(): Promise<number | null | 'unsupported'> {
    return this.questions.ask((id) => this.host.tell({ kind: 'ask-epoch', id }), null);
  }

  private askOthers(question: CrewQuestion): Promise<CrewAnswer[]> {
    return this.othersQuestions.ask((id) => this.host.tell({ kind: 'ask-others', id, question }), []);
  }

  private watchDrain(): void {
    if (this.drainWatch) clearInterval(this.drainWatch);
    const isDraining = this.router?.currentTopology.drain != null;
    this.drainWatch = isDraining ? setInterval(() => this.report(), drainReportMs).unref() : null;
  }

  private report(): void {
    if (!this.router || this.isEnding) return;
    this.host.tell({ kind: 'report', report: reportOf(this.router) });
  }

  private async end(drainMs: number): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    await this.router?.stop(drainMs, () => this.host.tell({ kind: 'closed' }));
    this.host.exit(0);
  }
}

function reportOf(router: QueryRouter): WorkerReport {
  const sessions = [...router.desk.sessions.values()];
  const groups = router.groups.list();
  const { drain, epoch } = router.currentTopology;
  return {
    clients: sessions.length + router.replication.count,
    busy: sessions.filter((session) => session.isBusy).length,
    waiting: groups.reduce((sum, group) => sum + group.waitingCount, 0),
    servers: groups.flatMap((group) => group.poolList).reduce((sum, pool) => sum + pool.all.size, 0),
    epoch,
    isDraining: drain !== null,
    counters: { ...router.counters },
  };
}
