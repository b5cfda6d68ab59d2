import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { BackupConfig } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { BesideLook, BesideOrder, BesideResult, RestorePlanning } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Refusable } from './backup-host.ts';
import type { BackupEngine } from './engine.ts';
import { type JobReport, JobRunner } from './job-runner.ts';
import { outdatedKept } from './kept-data.ts';
import { restoreBeside } from './restore-beside.ts';

/**
 * Nobody else goes on with this copy: whoever is decider by then asks here, and may have waited for long to hear of it
 * (`silentMsMax` of its steps). One that is wanted no more is ended by the log.
 */
const unaskedMsMax = 10 * 60_000;

export interface BesideNodeOptions {
  place: NodePlace;
  logger: Logger;
  clock: Clock;
  config(): BackupConfig;
  /** Of the repository that the plan names. */
  engine(repository: number): Promise<BackupEngine>;
  plan(target: RestoreTarget): Promise<RestorePlanning>;
}

/** The copy that a restore in place makes beside this node's data: made, looked at, and gone when nobody wants it. */
export class BesideNode {
  private readonly options: BesideNodeOptions;
  private readonly runner: JobRunner<BesideOrder, BesideResult>;
  /** Whose copy is, or may be, there; undefined before the cluster was seen. */
  private wanted: string | null | undefined;
  /** What was kept for earlier restores has been removed since this one was recorded. */
  private tidiedFor: string | undefined;

  constructor(options: BesideNodeOptions) {
    this.options = options;
    this.runner = new JobRunner({
      ...{ logger: options.logger, clock: options.clock, unaskedMsMax },
      work: (order, report, signal) => this.work(order, { report, signal }),
    });
  }

  start(order: BesideOrder): Refusable {
    return this.runner.start(order);
  }

  look(id: string): BesideLook {
    const { state, detail, percent, result } = this.runner.look(id);
    return { state, detail, percent, result };
  }

  discard(id: string): Promise<void> {
    this.runner.cancel(id, 'the restore was given up');
    return this.remove();
  }

  /** A copy that nobody is going to put in place goes, also after this host was away. */
  follow(state: ClusterState | null): void {
    if (!state) return;
    this.removeOutdated(state);
    const { restoring } = state;
    const wanted = restoring?.node === this.options.place.nodeName ? restoring.id : null;
    if (wanted === this.wanted) return;
    if (this.wanted) this.runner.cancel(this.wanted, 'the restore has ended');
    this.wanted = wanted;
    if (wanted === null)
      void this.remove().catch((error) =>
        this.options.logger.warn({ error: messageOf(error) }, 'a restored copy was not removed'),
      );
  }

  stop(): void {
    this.runner.stop();
  }

  /** Only now that a later one is recorded: until then what an earlier restore has kept is the only way back that is at hand. */
  private removeOutdated({ pastRestores }: ClusterState): void {
    const { place, logger } = this.options;
    const { newest, directories } = outdatedKept(pastRestores ?? [], place);
    if (newest === this.tidiedFor) return;
    this.tidiedFor = newest;
    for (const directory of directories)
      void rm(directory, { recursive: true, force: true }).catch((error) =>
        logger.warn({ error: messageOf(error) }, 'what an earlier restore has kept was not removed'),
      );
  }

  /** Whole or not there: what is half removed must never be put in place, whatever a log that is read late says next. */
  private async remove(): Promise<void> {
    const { restoredDir } = filesOf(this.options.place);
    const going = `${restoredDir}.going`;
    await rm(going, { recursive: true, force: true });
    if (existsSync(restoredDir)) await rename(restoredDir, going);
    await rm(going, { recursive: true, force: true });
  }

  private async work(
    order: BesideOrder,
    control: { report: JobReport; signal: AbortSignal },
  ): Promise<BesideResult> {
    const { place, config, engine, plan } = this.options;
    const planning = await plan(order.target);
    const number = (planning.ok && planning.plan.repository) || 1;
    return restoreBeside({ place, config: config(), engine: await engine(number), planning }, order, control);
  }
}
