import type { ClusterState } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { sizeWords } from '../shared/words.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import type { CopyProgress, UpstreamNode } from './database.ts';
import type { Desire, Upstream } from './desire.ts';

export type RejoinOptions = NodeAgentOptions & { show(activity: Activity): void };
type Follow = Extract<Desire, { kind: 'follow' }>;

const checkpointDeadlineMs = 120_000;
const noteDeadlineMs = 5000;
/** Attempts to connect for a rewind, about a second apart, before a clone is the better way. */
const connectAttemptsMax = 30;

/** How a node whose data is not part of the cluster's history gets there: rewound, or else cloned. */
export class Rejoin {
  /** While data is being copied to this node. It does not vote then. */
  progress: CopyProgress | null = null;
  private readonly options: RejoinOptions;
  private readonly clock: Clock;
  private connectAttempts = 0;
  /** Why the next clone is made, where that is not plain. */
  private whyClone: string | null = null;

  constructor(options: RejoinOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /**
   * Afterwards PostgreSQL streams from the upstream with its clients shut out: its WAL has to be proven again.
   *
   * @param forkLsn where the histories part; null when nobody knows
   * @returns false when only a clone helps
   */
  async rewind(desire: Follow, forkLsn: string | null, signal: AbortSignal): Promise<boolean> {
    const { database, self, show, logger } = this.options;
    const upstream = upstreamOf(desire);
    // From here on no restartpoint, not even that of the shutdown, recycles WAL that the rewind reads.
    if (await database.isRunning()) await database.setClients('closed');
    await this.untilSourceIsReady(desire, signal);
    const startMs = this.clock.monotonicMs();
    show({ state: 'rewinding', detail: `to ${upstream.name}` });
    this.progress = { doneBytes: 0, totalBytes: null };
    const watch = this.watchReign(desire, signal);
    try {
      await this.giveUpData();
      const outcome = await database.rewind(upstream, {
        forkLsn,
        onProgress: (progress) => {
          this.progress = progress;
        },
        onStep: (words) => show({ state: 'rewinding', detail: words }),
        mayReceive: () => this.mayReceive(desire),
        signal: watch.signal,
      });
      if (outcome.kind === 'untouched' && outcome.mayPass) return this.tryAgain(outcome.reason);
      this.connectAttempts = 0;
      if (outcome.kind !== 'rewound') {
        logger.warn({ outcome }, 'the rewind failed, a clone follows');
        this.whyClone = `it could not be rewound (${outcome.reason})`;
        return false;
      }
      const size = sizeWords(outcome.copiedBytes);
      const seconds = ((this.clock.monotonicMs() - startMs) / 1000).toFixed(1);
      const message = `${self} was rewound to ${outcome.forkLsn} on timeline ${desire.timeline} (${size} copied in ${seconds} s).`;
      this.note({ severity: 'info', event: 'rewound', message });
      return true;
    } finally {
      watch.end();
      this.progress = null;
    }
  }

  /** Why the next clone is made. */
  willStartOver(why: string): void {
    this.whyClone = why;
  }

  /** Only a primary that is open can be cloned. */
  async clone(desire: Follow, signal: AbortSignal): Promise<void> {
    const { database, peers, show, logger } = this.options;
    show({ state: 'cloning', detail: `from ${desire.upstream.name}` });
    this.progress = { doneBytes: 0, totalBytes: null };
    try {
      await this.giveUpData();
      const input = this.introduction(desire);
      const prepared = await peers.call(desire.upstream, 'prepare-clone', { input, deadlineMs: 5000 });
      if (!prepared.ok)
        throw new QuantaError('REFUSED', `${desire.upstream.name} refused the clone: ${prepared.reason}`);
      await this.explainClone(desire.upstream.name);
      const onProgress = (progress: CopyProgress) => {
        this.progress = progress;
      };
      await database.clone(upstreamOf(desire), { onProgress, signal });
      logger.info({ from: desire.upstream.name }, 'clone complete');
    } finally {
      this.progress = null;
    }
  }

  /**
   * @param isAsked a person wants it, also of a node whose WAL is damaged. Nobody else gives away its vote.
   * @throws QuantaError when the end of its WAL cannot be read: the vote that it gives this node must not be lost unseen
   */
  async giveUp(why: string, isAsked: boolean): Promise<void> {
    try {
      await this.giveUpData();
    } catch (error) {
      if (!isAsked || !(error instanceof QuantaError && error.code === 'STORAGE_CORRUPT')) throw error;
      // What it knew of an earlier copy is not true of this one; without any word it has no vote, which is always safe.
      await this.options.lastPosition.forget();
      const message = `The WAL of ${this.options.self} cannot be read (${error.message}): it has no vote until its data is complete again.`;
      this.note({ severity: 'warning', event: 'vote-lost', message });
    }
    this.whyClone = why;
    await this.options.database.giveUp(`standby that was given up (${why.slice(0, 100)})`);
  }

  /** PostgreSQL stops, and before its data is touched the vote that it gave this node is kept. */
  private async giveUpData(): Promise<void> {
    const { database, lastPosition } = this.options;
    if (await database.isRunning()) await database.stopFast(stopDeadlineMs);
    const clusterId = this.options.state()?.clusterId;
    if (clusterId === undefined || !(await database.isInitialised())) return;
    const position = await database.exactEndOfWal();
    const history = await database.history(position.timeline);
    await lastPosition.remember(clusterId, { position, history });
  }

  /** A vote may have been given from memory while the data was copied: nothing older is acknowledged after it. */
  private async mayReceive(desire: Follow): Promise<boolean> {
    const { lastPosition, seal } = this.options;
    await lastPosition.forget();
    return seal.epoch() <= desire.epoch;
  }

  /** Who asks, in which cluster: here a member, at the source the cluster that follows it. */
  private introduction({ source }: Follow): { clusterId: string; node: string; follower?: string } {
    const node = this.options.self;
    return source ? { ...source, node } : { clusterId: this.options.state()?.clusterId ?? '', node };
  }

  private tryAgain(reason: string): boolean {
    this.connectAttempts += 1;
    if (this.connectAttempts < connectAttemptsMax)
      throw new QuantaError('POSTGRES_FAILED', `the rewind did not begin: ${reason}`, {
        hint: 'Nothing was changed; it is tried again.',
      });
    this.connectAttempts = 0;
    this.whyClone = `it could not be rewound (${reason})`;
    return false;
  }

  /** Its slot is there, and its control file is of this reign: that takes a checkpoint after the promotion. */
  private async untilSourceIsReady(desire: Follow, signal: AbortSignal): Promise<void> {
    const { peers, show } = this.options;
    const { upstream } = desire;
    const input = this.introduction(desire);
    show({ state: 'waiting', detail: `${upstream.name} writes the checkpoint that a rewind takes` });
    const isReady = async () => {
      const answer = await peers.call(upstream, 'prepare-rewind', { input, deadlineMs: 5000 });
      if (!answer.ok)
        throw new QuantaError('REFUSED', `${upstream.name} refused the rewind: ${answer.reason}`);
      return answer.ready ? true : undefined;
    };
    const what = `the checkpoint of ${upstream.name}`;
    const { clock } = this;
    await pollUntil(isReady, { what, timeoutMs: checkpointDeadlineMs, intervalMs: 200, clock, signal });
  }

  /** A rewind towards a reign that is over would end on a history that the cluster has left again. */
  private watchReign(desire: Follow, parent: AbortSignal): { signal: AbortSignal; end(): void } {
    const over = new AbortController();
    const end = this.clock.every(250, () => {
      if (isStillWanted(this.options.state(), desire)) return;
      over.abort(new QuantaError('REFUSED', `the reign of ${desire.upstream.name} is over`));
    });
    return { signal: AbortSignal.any([parent, over.signal]), end };
  }

  /** Once, when a node that held data before starts over. */
  private async explainClone(from: string): Promise<void> {
    const { database, self } = this.options;
    const interrupted = await database.interruption();
    const isOfRewind = interrupted?.startsWith('rewind') === true;
    const why = this.whyClone ?? (isOfRewind ? `its ${interrupted} was interrupted` : null);
    this.whyClone = null;
    if (why === null) return;
    const message = `${self} starts over from a clone of ${from}: ${why}.`;
    this.note({ severity: 'warning', event: 'cloned-anew', message });
  }

  /** An event is worth no waiting: the node goes on whether the cluster takes it or not. */
  note(event: { severity: 'info' | 'warning'; event: string; message: string }): void {
    const { commander, self, logger } = this.options;
    logger.info({ event: event.event }, event.message);
    commander
      .submit({ kind: 'note', node: self, ...event, message: event.message.slice(0, 1000) }, noteDeadlineMs)
      .catch((error: unknown) => logger.warn({ error: messageOf(error) }, 'an event was not recorded'));
  }
}

const stopDeadlineMs = 10_000;

export function upstreamOf({ upstream, source }: Follow): UpstreamNode {
  const node = upstreamAt(upstream);
  return source ? { ...node, follower: source.follower } : node;
}

export function upstreamAt(upstream: Upstream): UpstreamNode {
  const address = upstream.addresses.postgres;
  if (!address)
    throw new QuantaError('INVARIANT_BROKEN', `${upstream.name} is primary but has no PostgreSQL address`);
  return { name: upstream.name, host: address.host, port: address.port };
}

function isStillWanted(state: ClusterState | null, { upstream, timeline, source }: Follow): boolean {
  if (state?.reign.timeline !== timeline) return false;
  if (!source) return !state.source && state.reign.primary === upstream.name;
  return state.source?.primary === upstream.name && state.source.ending === null;
}
