import type { BackupConfig, JobResult, RepositoryTest } from '../contract/backup.ts';
import type { BackupNodeView, RepositoryView } from '../contract/backup-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { RestoreClusterRequest, RestorePlanning, RestoreSource } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { dropRepository, setRepository } from '../postgres/archive-wrapper.ts';
import { inspectDataDirectory, supportedMajorVersion } from '../postgres/data-directory.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, sentenceOf, withNextStep } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Mended } from './archive-mending.ts';
import * as server from './archiving-server.ts';
import type { BackupHost, Refusable } from './backup-host.ts';
import { BackupWay } from './backup-way.ts';
import { BackupWorker, loadPerProcessor, removeLeftovers } from './backup-worker.ts';
import { BesideNode } from './beside-node.ts';
import { ClusterRestore, type RestoredData } from './cluster-restore.ts';
import type { BackupEngine } from './engine.ts';
import type { ProbeAnswer } from './engines/pgbackrest/probe.ts';
import { hostRepositoryOf } from './host-way.ts';
import type { JobLook, JobOrder, SourceServer, Strain } from './job-order.ts';
import { JobRunner } from './job-runner.ts';
import { NodeEngines } from './node-engines.ts';
import { justArchived, NodeRepositories } from './node-repositories.ts';
import { configFor, isSamePlace, numbersOf } from './repositories.ts';
import { lookAhead } from './restore-beside.ts';

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
  private readonly repositories: NodeRepositories;
  private readonly worker: BackupWorker;
  private state: ClusterState | null = null;
  private isReplayed = false;
  /** The configuration that the files hold; null until they were looked at. */
  private written: { revision: number; text: string } | null = null;
  private writing: Promise<void> | null = null;

  constructor(options: BackupNodeOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const { place, logger, holdsData } = options;
    this.holdsData = holdsData;
    this.way = new BackupWay({ place, logger, clock: this.clock });
    const config = () => this.state?.backup?.config ?? null;
    this.engines = new NodeEngines({ place, holdsData, way: this.way, config });
    const { way, engines, clock } = this;
    const state = () => this.state;
    const repositories = new NodeRepositories({ place, clock, holdsData, way, engines, state });
    this.repositories = repositories;
    this.worker = new BackupWorker({
      place: options.place,
      clock: this.clock,
      config: (number) => repositories.config(number),
      reader: (number) => repositories.reader(number),
      context: (number) => repositories.context(number),
      guests: (number) => repositories.guests(number),
      engine: (order, number) => engines.ofWork(repositories.config(number), order),
      planRestore: (target) => repositories.plan(target),
      hasSeveral: () => repositories.agreed().further !== undefined,
    });
    this.beside = new BesideNode({
      ...{ place: options.place, logger: options.logger, clock: this.clock },
      config: () => repositories.config(1),
      engine: (number) => engines.ofWork(repositories.config(number), { primary: null }),
      plan: (target) => repositories.plan(target),
    });
    this.runner = new JobRunner({
      logger: options.logger,
      clock: this.clock,
      work: (order, report, signal) => this.worker.work(order, report, signal),
    });
  }

  follow(state: ClusterState | null, isReplayed: boolean): void {
    this.state = state;
    this.isReplayed = isReplayed;
    this.way.follow(state);
    // PostgreSQL archives meanwhile as the files say: an older state must neither undo them nor take a whole copy away.
    if (!isReplayed) return;
    this.beside.follow(state);
    this.setUpArchiving();
  }

  private setUpArchiving(): void {
    const { state } = this;
    const { nodeName } = this.options.place;
    const isMember = state?.members[nodeName] !== undefined;
    // A host that has only just started does not know yet whether it is in a cluster: its files stay as they are.
    if (state === null && this.written === null) return;
    const agreed = (isMember && state?.backup?.config) || null;
    // A witness has nothing to do with a repository that is not on its own disk.
    const wanted = this.holdsData || hostRepositoryOf(agreed)?.host === nodeName ? agreed : null;
    // The address of the repository's host may change without the settings.
    const texts = wanted ? this.textsOf(wanted) : new Map<number, string>();
    if (texts === null) return;
    const text = [...texts.values()].join('\n');
    if ((wanted?.revision ?? 0) === this.written?.revision && text === this.written.text) return;
    if (this.writing) return;
    this.writing = this.write(wanted, { texts, text })
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
        if (done) this.setUpArchiving();
      });
  }

  async describe(): Promise<BackupNodeView> {
    const { place } = this.options;
    const { version, problem } = await this.engines.ofArchive('').preflight(supportedMajorVersion);
    if (this.isReplayed) this.setUpArchiving();
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
      owed: this.holdsData ? await this.repositories.owed() : [],
    };
  }

  async prepareRepository(config: BackupConfig, servers: readonly SourceServer[]): Promise<Refusable> {
    const engine = await this.engines.ofCandidate(config, servers);
    const taken = await this.whyTaken(engine, config);
    if (taken) return { ok: false, reason: taken };
    const outcome = await engine.createStanza();
    if (outcome.ok) return outcome;
    const { detail, hint } = outcome.failure;
    return { ok: false, reason: withNextStep(detail, hint) };
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
      return { ok: false, reason: sentenceOf(error) };
    }
  }

  async proveArchiving(repository: number): Promise<Refusable> {
    try {
      await this.repositories.archiveEngine(repository).proveArchiving();
      // Timelines that began before there was a repository are followed by their histories too.
      const { failed } = await this.repositories.mend();
      // Of several another one may be away meanwhile: whatever it lacks is given to it later.
      if (this.repositories.agreed().further) return { ok: true };
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
    if (order.segmentBytes !== undefined) this.repositories.tellSegmentBytes(order.segmentBytes);
    this.worker.told(null);
    return this.runner.start(order);
  }

  look(id: string, { strain, waitMs }: { strain: Strain | null; waitMs: number }): Promise<JobLook> {
    if (strain) this.worker.told(strain);
    return this.runner.lookWhenOver(id, waitMs);
  }

  cancel(id: string, why: string): void {
    this.runner.cancel(id, why);
  }

  repository(number: number): Promise<RepositoryView> {
    return this.repositories.view(number);
  }

  mend(): Promise<Mended> {
    return this.repositories.mend();
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

  planOwnRestore(target: RestoreTarget): Promise<RestorePlanning> {
    return this.repositories.plan(target);
  }

  async lookAhead(target: RestoreTarget) {
    const { place } = this.options;
    const planning = await this.planOwnRestore(target);
    const [repository, archiving] = await Promise.all([
      this.repository((planning.ok && planning.plan.repository) || 1),
      server.archivingOf(place),
    ]);
    const known = { planning, repository, points: this.state?.backup?.points ?? [] };
    const found = await lookAhead(place, known, target);
    return { ...found, archivingFailsSinceMs: archiving?.failingSinceMs ?? null };
  }

  async restoreCluster(
    { source, ...asked }: Pick<RestoreClusterRequest, 'source' | 'target' | 'way'>,
    report: { step(words: string): void; signal: AbortSignal },
  ): Promise<RestoredData> {
    const restore = new ClusterRestore(this.options.place, source);
    // A crash after the restore: the data is whole, because it was put in place last.
    if ((await inspectDataDirectory(this.options.place)).kind === 'initialised')
      return restore.found('restored already');
    return restore.run(asked, { ...report, nowMs: this.clock.wallMs() });
  }

  annotate(label: string, notes: Record<string, string>): Promise<void> {
    return this.repositories.annotate(label, notes);
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

  /**
   * Two clusters that go on from the same data have the same identifier, so the program itself lets both archive under one
   * name: the histories of one would overwrite those of the other.
   */
  private async whyTaken(engine: BackupEngine, config: BackupConfig): Promise<string | null> {
    const known = this.state?.backup?.config;
    const places = known ? [known, ...(known.further ?? [])] : [];
    // How it is reached may change: another port, another authority of the store.
    if (places.some(({ repository }) => isSamePlace(repository, config.repository))) return null;
    const { state, backups } = await engine.inventory();
    if (state === 'missing') return null;
    const { segments } = state === 'broken' ? { segments: [] } : await engine.archive();
    if (backups.length === 0 && segments.length === 0) return null;
    return `the repository holds ${backups.length} backups of a cluster named ${config.stanza} already: choose another place for this one`;
  }

  /** By number; null when they cannot be written: what the settings lack is told, and the files stay as they are. */
  private textsOf(config: BackupConfig): Map<number, string> | null {
    try {
      const texts = new Map<number, string>();
      for (const number of numbersOf(config)) {
        const own = configFor(config, number);
        // A witness is only there for the one on its disk.
        const isWanted = this.holdsData || hostRepositoryOf(own)?.host === this.options.place.nodeName;
        if (own && isWanted) texts.set(number, this.engines.archiveConfiguration(own));
      }
      return texts;
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'the archive command could not be set up');
      return null;
    }
  }

  private async write(
    config: BackupConfig | null,
    { texts, text }: { texts: ReadonlyMap<number, string>; text: string },
  ): Promise<void> {
    const { place } = this.options;
    // What was open for a look, or tried in a drill, ended with the daemon of before.
    if (this.written === null) await removeLeftovers(place);
    if (config === null) await dropRepository(place);
    else {
      const further = new Map([...texts].filter(([number]) => number !== 1));
      await setRepository(place, { configuration: texts.get(1) ?? '', stanza: config.stanza, further });
    }
    this.written = { revision: config?.revision ?? 0, text };
  }

  private async knownSegmentBytes(): Promise<number | null> {
    if (!this.holdsData) return null;
    try {
      return await this.repositories.knownSegmentBytes();
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'there is no data yet');
      return null;
    }
  }
}
