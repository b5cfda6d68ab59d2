import type { BackupConfig, GuestRestore } from '../contract/backup.ts';
import type { Owed, RepositoryView } from '../contract/backup-view.ts';
import type { ClusterState, WalPosition } from '../contract/cluster-state.ts';
import type { RestorePlanning } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { owedMoreMark } from '../postgres/archive-wrapper.ts';
import { readControlData } from '../postgres/control-data.ts';
import { historyFileName, readHistories } from '../postgres/history-files.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { parseLsn } from '../postgres/lsn.ts';
import { historyOf, judgeHistory } from '../postgres/timeline-history.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { fetchWhole, type Mended, mendArchive, namesIn } from './archive-mending.ts';
import * as server from './archiving-server.ts';
import type { BackupWay } from './backup-way.ts';
import { lastVerificationOf } from './damage.ts';
import type { BackupEngine } from './engine.ts';
import { guestsOf } from './guest-restores.ts';
import type { NodeEngines } from './node-engines.ts';
import { lackedOf, owedNames, owedOf, settle } from './owed.ts';
import { planRecovery } from './recovery-plan.ts';
import { configFor, numbersOf, walKeptFromOf } from './repositories.ts';
import { type ReadingContext, RepositoryReader, type RepositoryReading } from './repository-reader.ts';
import { WalMoments } from './wal-moments.ts';

const mendDeadlineMs = 10 * 60_000;
/** People want to hear of other things meanwhile: the rest follows in the next round. */
const paidAtOnceMax = 512;
export const justArchived = 'only just archived';
const seenMsMax = 3000;

export interface NodeRepositoriesOptions {
  place: NodePlace;
  clock: Clock;
  holdsData: boolean;
  way: BackupWay;
  engines: NodeEngines;
  state(): ClusterState | null;
}

const isNeeded = (name: string) => /^[0-9A-F]{24}$|\.history$/.test(name);

type Readings = Map<number, RepositoryReading>;

/** The repositories of the cluster as this node sees them: each is read, planned from and mended by itself. */
export class NodeRepositories {
  private readonly options: NodeRepositoriesOptions;
  private readonly readers = new Map<number, { revision: number; reader: RepositoryReader }>();
  private readonly seen = new Map<number, { mark: string; atMs: number; view: Promise<RepositoryView> }>();
  /** Why the last payment to it failed. */
  private readonly unpaid = new Map<number, string>();
  private segmentBytes: number | null = null;

  constructor(options: NodeRepositoriesOptions) {
    this.options = options;
  }

  /** Everything that is agreed on. */
  agreed(): BackupConfig {
    const config = this.options.state()?.backup?.config;
    if (config) return config;
    throw new QuantaError('REFUSED', 'this cluster has no backup repository', {
      hint: 'Set one: quantadb backup configure --path <directory>.',
    });
  }

  /** As if this one was the only repository. */
  config(number: number): BackupConfig {
    const config = configFor(this.agreed(), number);
    if (config) return config;
    throw new QuantaError('NOT_FOUND', `this cluster has no repository ${number}`, {
      hint: 'Which there are: quantadb backup list.',
    });
  }

  archiveEngine(number: number): BackupEngine {
    return this.options.engines.ofArchive(this.config(number).stanza, number);
  }

  /** A host that has no data cannot read it from there. */
  tellSegmentBytes(bytes: number): void {
    this.segmentBytes ??= bytes;
  }

  async knownSegmentBytes(): Promise<number> {
    this.segmentBytes ??= (await readControlData(this.options.place)).walSegmentBytes;
    return this.segmentBytes;
  }

  async context(number: number): Promise<ReadingContext> {
    const config = this.config(number);
    const state = this.options.state();
    await this.options.way.requireReached(config);
    return {
      config,
      currentTimeline: state?.reign.timeline ?? null,
      ...(state ? { agreed: historyOf(state.reign.timeline, state.timelines) } : {}),
      walKeptFrom: walKeptFromOf(state?.backup, number),
      segmentBytes: await this.knownSegmentBytes(),
      nowMs: this.options.clock.wallMs(),
      verified: lastVerificationOf(state?.backup?.pastJobs ?? [], number),
      guests: this.guests(number),
    };
  }

  guests(number: number): GuestRestore[] {
    const at = { repository: number, nowMs: this.options.clock.wallMs() };
    return guestsOf(this.options.state()?.backup, at);
  }

  reader(number: number): RepositoryReader {
    const { revision } = this.agreed();
    const known = this.readers.get(number);
    if (known?.revision === revision) return known.reader;
    const { place, holdsData } = this.options;
    const engine = this.archiveEngine(number);
    const workDir = filesOf(place).backupWorkDir;
    const moments = holdsData
      ? new WalMoments(engine, { binDir: place.binDir, workDir, osUser: place.osUser })
      : null;
    const reader = new RepositoryReader(engine, moments);
    this.readers.set(number, { revision, reader });
    return reader;
  }

  /** Read by everybody who looks at a page: what was read a moment ago is good enough, unless something has ended since. */
  view(number: number): Promise<RepositoryView> {
    const state = this.options.state();
    const nowMs = this.options.clock.monotonicMs();
    const mark = `${this.config(number).revision} ${state?.reign.timeline} ${state?.backup?.pastJobs.at(-1)?.id}`;
    const known = this.seen.get(number);
    if (known && known.mark === mark && nowMs - known.atMs < seenMsMax) return known.view;
    const view = this.readView(number);
    this.seen.set(number, { mark, atMs: nowMs, view });
    // A failure is not kept: whoever asks next tries anew.
    view.catch(() => this.seen.delete(number));
    return view;
  }

  private async readView(number: number): Promise<RepositoryView> {
    return this.reader(number).view(await this.context(number));
  }

  /**
   * From the first repository that leads there; to the newest moment from the one that reaches furthest. One that cannot be
   * read hides nothing of the others.
   */
  async plan(target: RestoreTarget): Promise<RestorePlanning> {
    const numbers = numbersOf(this.agreed());
    if (numbers.length === 1) return (await this.planFrom(1, target)).planning;
    const found: { planning: RestorePlanning; reach: bigint }[] = [];
    let problem: unknown = null;
    for (const number of numbers) {
      try {
        found.push(await this.planFrom(number, target));
      } catch (error) {
        problem ??= error;
      }
      if (target.kind !== 'latest' && found.at(-1)?.planning.ok) break;
    }
    const possible = found.filter(({ planning }) => planning.ok);
    const furthest = possible.reduce((most, { reach }) => (reach > most ? reach : most), -1n);
    const chosen = possible.find(({ reach }) => target.kind !== 'latest' || reach === furthest) ?? found[0];
    if (chosen) return chosen.planning;
    throw problem;
  }

  private async planFrom(
    number: number,
    target: RestoreTarget,
  ): Promise<{ planning: RestorePlanning; reach: bigint }> {
    const context = await this.context(number);
    const repository = await this.reader(number).view(context);
    const backup = this.options.state()?.backup;
    const drill = backup?.pastJobs.findLast((job) => job.result?.kind === 'drill')?.result;
    const planning = planRecovery({
      ...{ target, repository, points: backup?.points ?? [], nowMs: context.nowMs },
      segmentBytes: context.segmentBytes,
      isGivenUp: (position) => this.isGivenUp(position),
      commitMs: target.kind === 'xid' ? await server.commitMsOf(this.options.place, target.xid) : null,
      lastDrill: drill?.kind === 'drill' ? drill.drill : null,
    });
    const reach = repository.newest ? parseLsn(repository.newest.lsn) : 0n;
    const isOneOfSeveral = numbersOf(this.agreed()).length > 1;
    if (!planning.ok || !isOneOfSeveral) return { planning, reach };
    return { planning: { ok: true, plan: { ...planning.plan, repository: number } }, reach };
  }

  private isGivenUp(position: WalPosition): boolean {
    const state = this.options.state();
    if (!state) return false;
    const line = { current: state.reign.timeline, timelines: state.timelines };
    return judgeHistory(position, line).kind !== 'contained';
  }

  async owed(): Promise<Owed[]> {
    const config = this.options.state()?.backup?.config;
    if (!config?.further) return [];
    const each = numbersOf(config).map((number) =>
      owedOf(this.options.place, number, this.unpaid.get(number) ?? ''),
    );
    return (await Promise.all(each)).filter((owed) => owed !== null);
  }

  /**
   * What a lost predecessor had not archived, and what repositories that were away are owed. A repository is given what it
   * lacks from the others, whatever nodes still have: after a failover nothing has to be known of what was owed before.
   */
  async mend(): Promise<Mended> {
    const numbers = numbersOf(this.agreed());
    const total: Mended = { pushed: [], lost: [], failed: [] };
    const readings: Readings = new Map();
    for (const number of numbers) {
      try {
        readings.set(number, await this.read(number));
      } catch (error) {
        if (numbers.length === 1) throw error;
        this.unpaid.set(number, messageOf(error).slice(0, 1000));
        total.failed.push({ name: `repository ${number}`, detail: messageOf(error) });
      }
    }
    const signal = AbortSignal.timeout(mendDeadlineMs);
    for (const number of readings.keys()) {
      const mended = await this.mendOne({ number, isAlone: numbers.length === 1, readings, signal });
      for (const part of ['pushed', 'lost'] as const) total[part].push(...mended[part]);
      total.failed.push(...mended.failed);
    }
    return total;
  }

  private async read(number: number): Promise<RepositoryReading> {
    const reading = await this.reader(number).read(await this.context(number));
    const { state, detail } = reading.inventory;
    // Its directory is not there: a catalogue of nothing would call everything lost.
    if (state === 'ok' || state === 'empty' || numbersOf(this.agreed()).length === 1) return reading;
    throw new QuantaError('REFUSED', detail || `its state is ${state}`);
  }

  private async mendOne(known: {
    number: number;
    isAlone: boolean;
    readings: Readings;
    signal: AbortSignal;
  }): Promise<Mended> {
    const { number, isAlone, readings, signal } = known;
    const { place } = this.options;
    const reading = readings.get(number);
    if (!reading) return { pushed: [], lost: [], failed: [] };
    const segmentBytes = await this.knownSegmentBytes();
    const current = this.options.state()?.reign.timeline ?? 1;
    const histories = await this.missingHistories(current, reading.histories);
    const gaps = reading.catalogue.gaps.filter((gap) => gap.kind === 'missing');
    const missing = gaps.flatMap((gap) => namesIn(gap, segmentBytes));
    const owed = isAlone ? [] : await owedNames(place, number);
    const own = [...reading.archivedAt.keys()].sort();
    const others = [...readings].filter(([each]) => each !== number);
    const newestBackupWal = reading.inventory.backups.at(-1)?.startWal ?? null;
    const lacked = lackedOf(
      { segments: own, newestBackupWal },
      others.map(([, other]) => [...other.archivedAt.keys()]),
    );
    const isThere = new Set(own);
    const wanted = [...new Set([...missing, ...owed, ...lacked])].filter(
      (name) => name !== owedMoreMark && !isThere.has(name) && !histories.includes(name),
    );
    const now = isAlone ? wanted : wanted.sort().slice(0, paidAtOnceMax);
    const mended = await mendArchive(place, [...histories, ...now], {
      signal,
      repository: isAlone ? null : number,
      ...(isAlone ? {} : { fetch: (name, to) => this.fetchFrom(others, { name, to, signal }) }),
    });
    const next = wanted[now.length];
    if (next !== undefined) mended.failed.push({ name: next, detail: 'it follows in the next round' });
    if (!isAlone)
      await this.settleWith({ number, owed, isThere, mended, areAllRead: this.areAllRead(readings) });
    // What was there before archiving began, or lies before the fork, can only be told once the histories are archived.
    if (histories.length > 0) mended.failed.push({ name: histories[0] ?? '', detail: justArchived });
    return mended;
  }

  private areAllRead(readings: Readings): boolean {
    return numbersOf(this.agreed()).every((number) => readings.has(number));
  }

  /** A debt is over when it is paid; and when no node and no repository has it any more, which is a gap then. */
  private async settleWith(known: {
    number: number;
    owed: readonly string[];
    isThere: ReadonlySet<string>;
    mended: Mended;
    areAllRead: boolean;
  }): Promise<void> {
    const { number, owed, isThere, mended, areAllRead } = known;
    const { pushed } = mended;
    // Labels of backups and halves of segments lead no restore anywhere.
    mended.failed = mended.failed.filter(({ name }) => isNeeded(name));
    mended.lost = mended.lost.filter(isNeeded);
    const { lost, failed } = mended;
    const isOver = (name: string) =>
      isThere.has(name) || pushed.includes(name) || !isNeeded(name) || (areAllRead && lost.includes(name));
    const isPaid = failed.length === 0 && (areAllRead || lost.length === 0);
    await settle(
      this.options.place,
      number,
      owed.filter((name) => (name === owedMoreMark ? isPaid : isOver(name))),
    );
    const [first] = failed;
    if (first) this.unpaid.set(number, `${first.name}: ${first.detail}`.slice(0, 1000));
    else this.unpaid.delete(number);
    if (areAllRead) return;
    // Whoever is away may have it.
    failed.push(...lost.map((name) => ({ name, detail: 'no repository that can be read has it' })));
    mended.lost = [];
  }

  private async fetchFrom(
    others: readonly [number, RepositoryReading][],
    { name, to, signal }: { name: string; to: string; signal: AbortSignal },
  ): Promise<boolean> {
    for (const [number, { contents }] of others) {
      const sha1 = contents.get(name) ?? null;
      if (await fetchWhole(this.archiveEngine(number), { name, to, sha1, signal })) return true;
    }
    return false;
  }

  /** Of the current timeline and those before it: a recovery follows a timeline by them. */
  private async missingHistories(current: number, listed: readonly number[]): Promise<string[]> {
    const known = await readHistories(this.options.place.dataDir);
    const line = [...(known.get(current) ?? []).map(({ timeline }) => timeline), current];
    return line.filter((timeline) => timeline > 1 && !listed.includes(timeline)).map(historyFileName);
  }

  /** Where that backup is. */
  async annotate(label: string, notes: Record<string, string>): Promise<void> {
    const [first, ...further] = numbersOf(this.agreed()).map((number) => this.archiveEngine(number));
    for (const engine of further) {
      const { backups } = await engine.inventory().catch(() => ({ backups: [] }));
      if (backups.some((backup) => backup.label === label)) return engine.annotate(label, notes);
    }
    return first?.annotate(label, notes);
  }
}
