import type { BackupConfig, JobResult, RepositoryTest } from '../contract/backup.ts';
import type { BackupNodeView, RepositoryView } from '../contract/backup-view.ts';
import type { ClusterState, WalPosition } from '../contract/cluster-state.ts';
import type { RestorePlanning, RestoreSource } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { dropRepository, setRepository } from '../postgres/archive-wrapper.ts';
import { readControlData } from '../postgres/control-data.ts';
import { inspectDataDirectory, supportedMajorVersion } from '../postgres/data-directory.ts';
import { historyFileName, readHistories } from '../postgres/history-files.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { judgeHistory } from '../postgres/timeline-history.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { type Mended, mendArchive, namesIn } from './archive-mending.ts';
import * as server from './archiving-server.ts';
import type { BackupHost, Refusable } from './backup-host.ts';
import { BackupWay } from './backup-way.ts';
import { BackupWorker, loadPerProcessor, removeLeftovers } from './backup-worker.ts';
import { BesideNode } from './beside-node.ts';
import { ClusterRestore, type RestoredData } from './cluster-restore.ts';
import { lastVerificationOf } from './damage.ts';
import type { BackupEngine } from './engine.ts';
import type { ProbeAnswer } from './engines/pgbackrest/probe.ts';
import { hostRepositoryOf } from './host-way.ts';
import type { JobLook, JobOrder, SourceServer, Strain } from './job-order.ts';
import { JobRunner } from './job-runner.ts';
import { NodeEngines } from './node-engines.ts';
import { planRecovery } from './recovery-plan.ts';
import { type ReadingContext, RepositoryReader } from './repository-reader.ts';
import { lookAhead } from './restore-beside.ts';
import { WalMoments } from './wal-moments.ts';

const mendDeadlineMs = 10 * 60_000;
const justArchived = 'only just archived';
const seenMsMax = 3000;

export interface BackupNodeOptions {
  place: NodePlace;
  /** A witness has none; it takes part when the repository is on its disk. */
  holdsData: boolean;
  logger: Logger;
  clock?: Clock;
}

/** One host's part in backups: its archive command, and whatever work on the repository the decider gives to it. */
export class BackupNode implements BackupHost {
  private readonly options: BackupNodeOptions;
  private readonly clock: Clock;
  private readonly runner: JobRunner<JobOrder, JobResult>;
  readonly beside: BesideNode;
  readonly holdsData: boolean;
  readonly way: BackupWay;
  private readonly engines: NodeEngines;
  private readonly worker: BackupWorker;
  private state: ClusterState | null = null;
  /** The configuration that the files hold; null until they were looked at. */
  private written: { revision: number; text: string } | null = null;
  private writing: Promise<void> | null = null;
  private reader: { revision: number; reader: RepositoryReader } | null = null;
  private segmentBytes: number | null = null;
  private seen: { mark: string; atMs: number; view: Promise<RepositoryView> } | null = null;

  constructor(options: BackupNodeOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const { place, logger, holdsData } = options;
    this.holdsData = holdsData;
    this.way = new BackupWay({ place, logger, clock: this.clock });
    const config = () => this.state?.backup?.config ?? null;
    this.engines = new NodeEngines({ place, holdsData, way: this.way, config });
    this.worker = new BackupWorker({
      place: options.place,
      clock: this.clock,
      config: () => this.config(),
      reader: () => this.readerOf(this.config()),
      context: () => this.context(),
      engine: (order) => this.engines.ofWork(this.config(), order),
      planRestore: (target) => this.planOwnRestore(target),
    });
    this.beside = new BesideNode({
      ...{ place: options.place, logger: options.logger, clock: this.clock },
      config: () => this.config(),
      engine: () => this.engines.ofWork(this.config(), { primary: null }),
      plan: (target) => this.planOwnRestore(target),
    });
    this.runner = new JobRunner({
      logger: options.logger,
      clock: this.clock,
      work: (order, report, signal) => this.worker.work(order, report, signal),
    });
  }

  follow(state: ClusterState | null): void {
    this.state = state;
    this.beside.follow(state);
    this.way.follow(state);
    const { nodeName } = this.options.place;
    const isMember = state?.members[nodeName] !== undefined;
    // A host that has only just started does not know yet whether it is in a cluster: its files stay as they are.
    if (state === null && this.written === null) return;
    const agreed = (isMember && state?.backup?.config) || null;
    // A witness has nothing to do with a repository that is not on its own disk.
    const wanted = this.holdsData || hostRepositoryOf(agreed)?.host === nodeName ? agreed : null;
    // The address of the repository's host may change without the settings.
    const text = wanted ? this.textOf(wanted) : '';
    if (text === null) return;
    if ((wanted?.revision ?? 0) === this.written?.revision && text === this.written.text) return;
    if (this.writing) return;
    this.writing = this.write(wanted, text)
      .then(
        () => true,
        (error) => {
          this.options.logger.error({ error: messageOf(error) }, 'the archive command could not be set up');
          return false;
        },
      )
      .then((done) => {
        this.writing = null;
        // Another one may have been agreed on meanwhile; after a failure the next change, or question, tries again.
        if (done) this.follow(this.state);
      });
  }

  async describe(): Promise<BackupNodeView> {
    const { place } = this.options;
    const { version, problem } = await this.engines.ofArchive('').preflight(supportedMajorVersion);
    this.follow(this.state);
    return {
      program: version,
      problem,
      load: loadPerProcessor(),
      server: { dataDir: place.dataDir, socketDir: place.runDir, port: place.port },
      configRevision: this.written?.revision ?? 0,
      archiving: this.holdsData ? await server.archivingOf(place) : null,
      look: this.worker.openLook(),
      tlsServer: await this.way.describe(),
      segmentBytes: await this.knownSegmentBytes(),
    };
  }

  async prepareRepository(config: BackupConfig, servers: readonly SourceServer[]): Promise<Refusable> {
    const engine = await this.engines.ofCandidate(config, servers);
    const taken = await this.whyTaken(engine, config);
    if (taken) return { ok: false, reason: taken };
    const outcome = await engine.createStanza();
    if (outcome.ok) return outcome;
    const { detail, hint } = outcome.failure;
    return { ok: false, reason: `${detail} ${hint}` };
  }

  tryRepository(test: RepositoryTest): Promise<ProbeAnswer> {
    return this.engines.tryRepository(this.state?.name ?? 'test', test);
  }

  async tryWay(config: BackupConfig): Promise<Refusable> {
    try {
      await this.way.requireReached(config);
      const { state, detail } = await (await this.engines.ofCandidate(config, [])).inventory();
      // One that is not there yet can be reached all the same.
      return state === 'broken' ? { ok: false, reason: detail } : { ok: true };
    } catch (error) {
      const hint = error instanceof QuantaError && error.hint ? ` ${error.hint}` : '';
      return { ok: false, reason: `${messageOf(error)}${hint}` };
    }
  }

  async proveArchiving(): Promise<Refusable> {
    try {
      await this.archiveEngine().proveArchiving();
      // Timelines that began before there was a repository are followed by their histories too.
      const { failed } = await this.mend();
      const [problem] = failed.filter(({ detail }) => detail !== justArchived);
      return problem ? { ok: false, reason: `${problem.name}: ${problem.detail}` } : { ok: true };
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  checkpointAfterPromotion(): Promise<void> {
    return server.checkpointAfterPromotion(this.options.place);
  }

  start(order: JobOrder): Refusable {
    this.segmentBytes ??= order.segmentBytes ?? null;
    this.worker.told(null);
    return this.runner.start(order);
  }

  look(id: string, strain: Strain | null): JobLook {
    if (strain) this.worker.told(strain);
    return this.runner.look(id);
  }

  cancel(id: string, why: string): void {
    this.runner.cancel(id, why);
  }

  /** Read by everybody who looks at a page: what was read a moment ago is good enough, unless something has ended since. */
  repository(): Promise<RepositoryView> {
    const nowMs = this.clock.monotonicMs();
    const { revision } = this.config();
    const mark = `${revision} ${this.state?.reign.timeline} ${this.state?.backup?.pastJobs.at(-1)?.id}`;
    if (this.seen && this.seen.mark === mark && nowMs - this.seen.atMs < seenMsMax) return this.seen.view;
    const view = this.readRepository();
    this.seen = { mark, atMs: nowMs, view };
    // A failure is not kept: whoever asks next tries anew.
    view.catch(() => {
      this.seen = null;
    });
    return view;
  }

  private async readRepository(): Promise<RepositoryView> {
    return this.readerOf(this.config()).view(await this.context());
  }

  async mend(): Promise<Mended> {
    const context = await this.context();
    const { catalogue, histories: listed } = await this.readerOf(this.config()).read(context);
    const histories = await this.missingHistories(context.currentTimeline ?? 1, listed);
    const gaps = catalogue.gaps.filter((gap) => gap.kind === 'missing');
    const missing = gaps.flatMap((gap) => namesIn(gap, context.segmentBytes));
    const mended = await mendArchive(
      this.options.place,
      [...histories, ...missing],
      AbortSignal.timeout(mendDeadlineMs),
    );
    // What was there before archiving began, or lies before the fork, can only be told once the histories are archived.
    if (histories.length > 0) mended.failed.push({ name: histories[0] ?? '', detail: justArchived });
    return mended;
  }

  createRestorePoint(name: string): Promise<server.WrittenPoint> {
    return server.createRestorePoint(this.options.place, name);
  }

  planRestore(source: RestoreSource, target: RestoreTarget): Promise<RestorePlanning> {
    return new ClusterRestore(this.options.place, source).plan(target, this.clock.wallMs());
  }

  closeLook(): Promise<void> {
    return this.worker.closeLook();
  }

  async planOwnRestore(target: RestoreTarget): Promise<RestorePlanning> {
    const context = await this.context();
    const repository = await this.readerOf(this.config()).view(context);
    const backup = this.state?.backup;
    const drill = backup?.pastJobs.findLast((job) => job.result?.kind === 'drill')?.result;
    return planRecovery({
      ...{
        target,
        repository,
        points: backup?.points ?? [],
        nowMs: context.nowMs,
        segmentBytes: context.segmentBytes,
      },
      isGivenUp: (position) => this.isGivenUp(position),
      commitMs: target.kind === 'xid' ? await server.commitMsOf(this.options.place, target.xid) : null,
      lastDrill: drill?.kind === 'drill' ? drill.drill : null,
    });
  }

  async lookAhead(target: RestoreTarget) {
    const { place } = this.options;
    const [planning, repository, archiving] = await Promise.all([
      this.planOwnRestore(target),
      this.repository(),
      server.archivingOf(place),
    ]);
    const known = { planning, repository, points: this.state?.backup?.points ?? [] };
    const found = await lookAhead(place, known, target);
    return { ...found, archivingFailsSinceMs: archiving?.failingSinceMs ?? null };
  }

  private isGivenUp(position: WalPosition): boolean {
    const { state } = this;
    if (!state) return false;
    return (
      judgeHistory(position, { current: state.reign.timeline, timelines: state.timelines }).kind !==
      'contained'
    );
  }

  async restoreCluster(
    { source, target }: { source: RestoreSource; target: RestoreTarget },
    report: { step(words: string): void; signal: AbortSignal },
  ): Promise<RestoredData> {
    const restore = new ClusterRestore(this.options.place, source);
    // A crash after the restore: the data is whole, because it was put in place last.
    if ((await inspectDataDirectory(this.options.place)).kind === 'initialised')
      return restore.found('restored already');
    return restore.run(target, { ...report, nowMs: this.clock.wallMs() });
  }

  annotate(label: string, notes: Record<string, string>): Promise<void> {
    return this.archiveEngine().annotate(label, notes);
  }

  stop(): void {
    this.runner.stop();
    this.beside.stop();
    this.way.stop();
    void this.worker
      .closeLook()
      .catch((error) =>
        this.options.logger.warn({ error: messageOf(error) }, 'a scratch server was not closed'),
      );
  }

  /** Of the current timeline and those before it: a recovery follows a timeline by them. */
  private async missingHistories(current: number, listed: readonly number[]): Promise<string[]> {
    const known = await readHistories(this.options.place.dataDir);
    const line = [...(known.get(current) ?? []).map(({ timeline }) => timeline), current];
    return line.filter((timeline) => timeline > 1 && !listed.includes(timeline)).map(historyFileName);
  }

  /**
   * Two clusters that go on from the same data have the same identifier, so the program itself lets both archive under one
   * name: the histories of one would overwrite those of the other.
   */
  private async whyTaken(engine: BackupEngine, config: BackupConfig): Promise<string | null> {
    const known = this.state?.backup?.config;
    if (known && JSON.stringify(known.repository) === JSON.stringify(config.repository)) return null;
    const { state, backups } = await engine.inventory();
    if (state === 'missing') return null;
    const { segments } = state === 'broken' ? { segments: [] } : await engine.archive();
    if (backups.length === 0 && segments.length === 0) return null;
    return `the repository holds ${backups.length} backups of a cluster named ${config.stanza} already: choose another place for this one`;
  }

  /** Null when it cannot be written: what the settings lack is told, and the files stay as they are. */
  private textOf(config: BackupConfig): string | null {
    try {
      return this.engines.archiveConfiguration(config);
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'the archive command could not be set up');
      return null;
    }
  }

  private async write(config: BackupConfig | null, text: string): Promise<void> {
    const { place } = this.options;
    // What was open for a look, or tried in a drill, ended with the daemon of before.
    if (this.written === null) await removeLeftovers(place);
    if (config === null) await dropRepository(place);
    else await setRepository(place, { configuration: text, stanza: config.stanza });
    this.written = { revision: config?.revision ?? 0, text };
  }

  private config(): BackupConfig {
    const config = this.state?.backup?.config;
    if (config) return config;
    throw new QuantaError('REFUSED', 'this cluster has no backup repository', {
      hint: 'Set one: quantadb backup configure --path <directory>.',
    });
  }

  private async knownSegmentBytes(): Promise<number | null> {
    if (!this.holdsData) return null;
    try {
      this.segmentBytes ??= (await readControlData(this.options.place)).walSegmentBytes;
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'there is no data yet');
    }
    return this.segmentBytes;
  }

  private async context(): Promise<ReadingContext> {
    await this.way.requireReached(this.config());
    this.segmentBytes ??= (await readControlData(this.options.place)).walSegmentBytes;
    return {
      config: this.config(),
      currentTimeline: this.state?.reign.timeline ?? null,
      walKeptFrom: this.state?.backup?.walKeptFrom ?? null,
      segmentBytes: this.segmentBytes,
      nowMs: this.clock.wallMs(),
      verified: lastVerificationOf(this.state?.backup?.pastJobs ?? []),
    };
  }

  private readerOf({ revision }: BackupConfig): RepositoryReader {
    if (this.reader?.revision === revision) return this.reader.reader;
    const { place } = this.options;
    const engine = this.archiveEngine();
    const workDir = filesOf(place).backupWorkDir;
    const moments = this.holdsData
      ? new WalMoments(engine, { binDir: place.binDir, workDir, osUser: place.osUser })
      : null;
    this.reader = { revision, reader: new RepositoryReader(engine, moments) };
    return this.reader.reader;
  }

  private archiveEngine(): BackupEngine {
    return this.engines.ofArchive(this.config().stanza);
  }
}
