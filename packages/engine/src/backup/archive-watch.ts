import type { Commander } from '../cluster/commander.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { Archiving, Owed } from '../contract/backup-view.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import { momentWords } from '../shared/words.ts';

export interface ArchiveWatchOptions {
  commander: Commander;
  peers: Peers;
  logger: Logger;
  clock: Clock;
}

const everyMs = 10_000;
const askDeadlineMs = 10_000;
const mendDeadlineMs = 15 * 60_000;
const commandDeadlineMs = 5000;
/** WAL that cannot be archived is kept, and fills the disk: said long before it does. */
const failingMsMax = 60_000;
const waitingSegmentsMax = 64;
/** A gap that could not be closed is looked at again, less and less often: the repository may have been away. */
const mendAgainMs = { first: 10_000, longest: 10 * 60_000, longestWhileOwing: 20_000 };
/** Repositories are compared, and what only one has is looked through, whatever has been noted. */
const lookAnywayMs = { several: 5 * 60_000, one: 30 * 60_000 };

interface Mending {
  epoch: number;
  atMs: number;
  againMs: number;
  rounds: number;
  isWhole: boolean;
}

interface Several {
  hasSeveral: boolean;
  isOwing: boolean;
}

/** Watches that the primary's WAL reaches the repository, and closes what a failover left open. */
export class ArchiveWatch {
  private readonly options: ArchiveWatchOptions;
  private readonly beat: NowAndThen;
  private isStuck = false;
  /** The first segment that was said to be lost: people are told once. */
  private lost: string | null = null;
  private mended: Mending | null = null;
  /** Repositories whose debt people were told of. */
  private readonly owing = new Set<number>();

  constructor(options: ArchiveWatchOptions) {
    this.options = options;
    const { clock, logger } = options;
    const onError = (error: unknown) =>
      logger.debug({ error: messageOf(error) }, 'archiving could not be looked at');
    this.beat = new NowAndThen({ everyMs, clock, onError });
  }

  tick(state: ClusterState): void {
    const primary = state.members[state.reign.primary ?? ''];
    if (!primary || (state.failover && state.failover.state !== 'REJOIN')) return;
    this.beat.run(() => this.look(state, primary));
  }

  private async look(state: ClusterState, primary: Member): Promise<void> {
    const { clusterId } = state;
    const input = { clusterId };
    const view = await this.options.peers.call(primary, 'backup-node', { input, deadlineMs: askDeadlineMs });
    // It does not answer, or is no primary yet: nothing is known of its archiving, neither good nor bad.
    if (view.archiving === null) return;
    await this.judge(primary.name, view.archiving);
    const owed = view.owed ?? [];
    await this.judgeOwed(primary.name, owed);
    const hasSeveral = state.backup?.config?.further !== undefined;
    if (this.isTimeToMend(state, { hasSeveral, isOwing: owed.length > 0 }))
      await this.mend(state, primary, { hasSeveral, isOwing: owed.length > 0 });
  }

  private async judge(primary: string, archiving: Archiving): Promise<void> {
    const problem = stuckWords(archiving, this.options.clock.wallMs());
    if ((problem !== null) === this.isStuck) return;
    this.isStuck = problem !== null;
    await this.note(
      problem === null ? 'info' : 'critical',
      problem === null
        ? `WAL of ${primary} reaches the repository again.`
        : `WAL of ${primary} does not reach the repository: ${problem}. It is kept until it does, and may fill the disk.`,
      primary,
    );
  }

  /** People are told when a debt has stood for a while, and when it is paid. */
  private async judgeOwed(primary: string, owed: readonly Owed[]): Promise<void> {
    const nowMs = this.options.clock.wallMs();
    for (const debt of owed) {
      if (this.owing.has(debt.repository) || nowMs - debt.sinceMs <= failingMsMax) continue;
      this.owing.add(debt.repository);
      await this.note('critical', owedWords(debt), primary);
    }
    for (const number of this.owing) {
      if (owed.some(({ repository }) => repository === number)) continue;
      this.owing.delete(number);
      await this.note('info', `Repository ${number} is owed nothing any more.`, primary);
    }
  }

  private isTimeToMend({ reign }: ClusterState, { hasSeveral, isOwing }: Several): boolean {
    const { mended } = this;
    if (mended?.epoch !== reign.epoch) return true;
    const nowMs = this.options.clock.monotonicMs();
    const anywayMs = hasSeveral ? lookAnywayMs.several : lookAnywayMs.one;
    if (nowMs - mended.atMs >= anywayMs) return true;
    return (!mended.isWhole || isOwing) && nowMs >= mended.againMs;
  }

  private async mend(state: ClusterState, primary: Member, { hasSeveral, isOwing }: Several): Promise<void> {
    const input = { clusterId: state.clusterId };
    const { pushed, lost, failed } = await this.options.peers.call(primary, 'mend-archive', {
      input,
      deadlineMs: mendDeadlineMs,
    });
    const isSame = this.mended?.epoch === state.reign.epoch;
    const rounds = isSame && this.mended?.isWhole === false ? this.mended.rounds + 1 : 0;
    const longestMs = isOwing ? mendAgainMs.longestWhileOwing : mendAgainMs.longest;
    const pauseMs = Math.min(longestMs, mendAgainMs.first * 2 ** rounds);
    const atMs = this.options.clock.monotonicMs();
    this.mended = {
      ...{ epoch: state.reign.epoch, rounds, atMs, againMs: atMs + pauseMs },
      isWhole: lost.length + failed.length === 0,
    };
    const segments = pushed.filter((name) => !name.endsWith('.history'));
    if (segments.length > 0)
      await this.note(
        'info',
        hasSeveral
          ? `${primary.name} has given ${segments.length} segments to repositories that had not got them: ${segments[0]} and following.`
          : `${primary.name} has archived ${segments.length} segments that its predecessor had not: ${segments[0]} and following.`,
        primary.name,
      );
    const isNews = lost.length > 0 && this.lost !== lost[0];
    this.lost = lost[0] ?? null;
    if (isNews)
      await this.note(
        'critical',
        `${lost.length} segments of WAL are ${hasSeveral ? 'missing in a repository, and no other has them' : 'in no archive'}, beginning with ${lost[0]}: moments after them can only be restored from a later backup. Make one now: quantadb backup now.`,
        primary.name,
      );
  }

  private async note(severity: 'info' | 'critical', message: string, node: string): Promise<void> {
    await this.options.commander.submit(
      { kind: 'note', severity, event: 'archiving', node, message: message.slice(0, 1000) },
      commandDeadlineMs,
    );
  }
}

/** What people are told of a debt (pure). */
export function owedWords({ repository, segments, isMore, sinceMs, detail }: Owed): string {
  const count = `${isMore ? 'more than ' : ''}${segments} ${segments === 1 ? 'segment' : 'segments'}`;
  const why = detail ? ` (${detail.replace(/\s+/g, ' ').slice(0, 300)})` : '';
  return `Repository ${repository} is owed ${count} of WAL since ${momentWords(sinceMs)}${why}. They are in another one, and it gets them when it is back.`;
}

/** Why archiving counts as stuck; null while it does not (pure). */
export function stuckWords(archiving: Archiving, nowMs: number): string | null {
  const { failingSinceMs, waitingSegments } = archiving;
  if (failingSinceMs !== null && nowMs - failingSinceMs > failingMsMax)
    return `every attempt has failed for ${Math.round((nowMs - failingSinceMs) / 1000)} s, and ${waitingSegments} segments wait`;
  return waitingSegments > waitingSegmentsMax ? `${waitingSegments} segments wait` : null;
}
