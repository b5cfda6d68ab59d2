import type { Failover, SealVote, SyncSet, WalPosition } from '../contract/cluster-state.ts';
import { listWords } from '../shared/words.ts';

/**
 * The decision of COLLECT (pure): given the sealed electors' votes, who may become primary without losing an
 * acknowledged write, or what is missing. Rules and their reasons: docs/SPEC.md, I-ELECT.
 */

export interface ElectionInput {
  /** L: the primary of the epoch that is being replaced. */
  oldPrimary: string | null;
  syncSet: SyncSet;
  votes: SealVote[];
  /** Electors whose answer is still to come; they are neither counted nor held against anyone. */
  pending: string[];
  /** The node a person asked for (switchover); it must qualify like any other. */
  preferred: string | null;
  /** Nodes that must not become primary, and why: in maintenance, set so, or not yet, or no longer, full members. */
  avoided: ReadonlyMap<string, Bar>;
  /** What a person prefers among nodes that hold the same WAL; the higher the better. */
  priorities?: ReadonlyMap<string, number>;
  /** Orders positions of different timelines by the recorded forks: negative when left is behind right. */
  compare(left: WalPosition, right: WalPosition): number;
}

export interface Bar {
  why: string;
  /** What ends it, as a sentence; null when nothing a person can do at once. */
  cure: string | null;
}

export type Verdicts = Failover['candidates'];

export type Election =
  | { kind: 'promote'; candidate: string; parentTimeline: number; vote: Vote; verdicts: Verdicts }
  | { kind: 'keep'; candidate: string; parentTimeline: number; vote: Vote; verdicts: Verdicts }
  | { kind: 'blocked'; blockedBy: string; verdicts: Verdicts };

type Vote = Extract<SealVote, { ok: true }>;

export function elect(input: ElectionInput): Election {
  const electors = electorsOf(input);
  const votes = input.votes.filter((vote): vote is Vote => vote.ok && electors.includes(vote.node));
  const live = votes.find((vote) => vote.livePrimary && vote.node === input.oldPrimary);
  if (live) {
    const verdicts = [verdict(live, true, 'It is alive and serves: it goes on.')];
    return {
      kind: 'keep',
      candidate: live.node,
      parentTimeline: live.position.timeline,
      vote: live,
      verdicts,
    };
  }
  // A node whose PostgreSQL is down may hold WAL that nobody acknowledged. It stands aside while the others can elect
  // safely without it, and is a candidate only when they cannot.
  const running = votes.filter((vote) => vote.promotable);
  const startable = votes.filter((vote) => vote.promotable || vote.whyNotPromotable === restartable);
  const isEligible = (vote: Vote) => !input.avoided.has(vote.node);
  const chosen =
    choose(input, running.filter(isEligible), votes) ?? choose(input, startable.filter(isEligible), votes);
  if (chosen) return chosen;
  const barred = choose(input, startable, votes);
  const why =
    (barred?.kind === 'promote' && blockedByBar(input, barred.candidate)) || blockedBy(input, votes);
  return { kind: 'blocked', blockedBy: why, verdicts: refusals(input, votes) };
}

/** The one reason for "not promotable" that a start of its PostgreSQL cures. */
export const restartable = 'its PostgreSQL is not running';

/** Time cures it: the next round asks again. */
export const stillRecovering = 'its PostgreSQL is still recovering';

/** Why a node cannot vote although its daemon answers. */
export const holdsNoData = 'it holds no data';
export const isBeingCopied = 'its data is still being copied from another node';

/** V ∪ {L}: the only nodes whose word counts in an election. */
export function electorsOf(input: Pick<ElectionInput, 'oldPrimary' | 'syncSet'>): string[] {
  const all =
    input.oldPrimary === null ? input.syncSet.electors : [...input.syncSet.electors, input.oldPrimary];
  return [...new Set(all)].sort();
}

function choose(input: ElectionInput, candidates: Vote[], votes: Vote[]): Election | null {
  const ranked = [...candidates].sort((left, right) => rank(input, left, right));
  const top = ranked[0];
  if (!top) return null;
  const supporters = supportersOf(input, top, votes);
  if (supporters.length < input.syncSet.votes) return null;
  const verdicts = votes
    .map((vote) => {
      if (vote.node === top.node) {
        const words = `${supporters.length} of ${input.syncSet.votes} needed votes (${supporters.join(', ') || 'none'})`;
        return verdict(vote, true, `Chosen: nobody who could be promoted holds more WAL; ${words}.`);
      }
      return verdict(vote, false, whyNot(input, vote, top));
    })
    .map((each) => ({ ...each, supporters: supportersOf(input, each, votes) }));
  return {
    kind: 'promote',
    candidate: top.node,
    parentTimeline: top.position.timeline,
    vote: top,
    verdicts: [...verdicts, ...silent(input)],
  };
}

function supportersOf(
  input: ElectionInput,
  candidate: { node: string; position: WalPosition | null },
  votes: Vote[],
): string[] {
  const { node, position } = candidate;
  if (position === null) return [];
  return votes
    .filter((vote) => vote.node !== node && input.compare(vote.position, position) <= 0)
    .map((vote) => vote.node);
}

/** More WAL always wins; among equals the wanted one, then the old primary (least change), the priority, the name. */
function rank(input: ElectionInput, left: Vote, right: Vote): number {
  const byWal = input.compare(right.position, left.position);
  if (byWal !== 0) return byWal;
  return (
    preference(input, left) - preference(input, right) ||
    priorityOf(input, right) - priorityOf(input, left) ||
    (left.node < right.node ? -1 : 1)
  );
}

function preference(input: ElectionInput, vote: Vote): number {
  if (vote.node === input.preferred) return 0;
  return vote.node === input.oldPrimary && input.preferred === null ? 1 : 2;
}

function priorityOf({ priorities }: ElectionInput, { node }: Vote): number {
  return priorities?.get(node) ?? 0;
}

function whyNot(input: ElectionInput, vote: Vote, chosen: Vote): string {
  const bar = input.avoided.get(vote.node);
  if (bar) return `Refused: ${bar.why}.`;
  if (!vote.promotable) return `Refused: ${vote.whyNotPromotable ?? 'it cannot be promoted'}.`;
  if (input.compare(vote.position, chosen.position) < 0) {
    return `Refused: its WAL ends at ${vote.position.lsn}, behind ${chosen.node} at ${chosen.position.lsn}.`;
  }
  const isHigher = chosen.node !== input.preferred && priorityOf(input, chosen) > priorityOf(input, vote);
  const words = isHigher ? 'has a higher priority' : 'was preferred';
  return `Refused: it holds the same WAL as ${chosen.node}, which ${words}.`;
}

function refusals(input: ElectionInput, votes: Vote[]): Verdicts {
  const spoken = votes.map((vote) => {
    const words = vote.promotable
      ? 'Refused: too few votes support it.'
      : `Refused: ${vote.whyNotPromotable ?? 'unknown'}.`;
    return { ...verdict(vote, false, words), supporters: supportersOf(input, vote, votes) };
  });
  return [...spoken, ...silent(input)];
}

function silent(input: ElectionInput): Verdicts {
  const answered = new Set(input.votes.filter((vote) => vote.ok).map((vote) => vote.node));
  return electorsOf(input)
    .filter((node) => !answered.has(node))
    .map((node) => {
      const refusal = input.votes.find((vote) => !vote.ok && vote.node === node);
      const why = refusal && !refusal.ok ? refusal.reason : 'not waited for';
      return { node, position: null, chosen: false, verdict: `No vote: ${why}.` };
    });
}

function blockedByBar({ avoided }: ElectionInput, node: string): string | null {
  const bar = avoided.get(node);
  return bar ? `${node} could be promoted safely, but ${bar.why}.${bar.cure ? ` ${bar.cure}` : ''}` : null;
}

function blockedBy(input: ElectionInput, votes: Vote[]): string {
  const absent = electorsOf(input).filter((node) => !votes.some((vote) => vote.node === node));
  const empty = absent.filter((node) => input.votes.some((vote) => isEmpty(vote) && vote.node === node));
  const missing = absent.filter((node) => !empty.includes(node));
  const needed = input.syncSet.votes + 1;
  const counted = `No node may be promoted without risking acknowledged writes: ${votes.length} of ${needed} needed electors can vote.`;
  const lost = empty.length === 0 ? '' : ` ${listWords(empty, 'and')} cannot: without data.`;
  const who = missing.length > 0 ? listWords(missing, 'or') : 'the node that holds the newest WAL';
  return `${counted}${lost} Bring back ${who}.`;
}

/** It is there, and nothing but a copy of a primary's data makes it a voter again. */
function isEmpty(vote: SealVote): boolean {
  return !vote.ok && (vote.reason === holdsNoData || vote.reason === isBeingCopied);
}

function verdict(vote: Vote, chosen: boolean, words: string): Verdicts[number] {
  return { node: vote.node, position: vote.position, chosen, verdict: words };
}
