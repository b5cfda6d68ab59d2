import type { SyncSet, SyncSetting } from '../contract/cluster-state.ts';
import { syncSetProblem } from './quorum.ts';

/**
 * How a standing sync set moves (pure): by single steps, each of which either changes what PostgreSQL waits for (S and
 * n) or whose votes count (V and q), never both. After every step each commit that may have been acknowledged still
 * meets every election. Why these orders are safe: docs/SPEC.md, "A move of the sync set".
 */

export interface SyncState {
  set: SyncSet;
  /** Settings besides the set's own by which commits may have been acknowledged since the last confirmation. */
  unconfirmed: readonly SyncSetting[];
}

/** What is aimed at: V = S = `standbys`, n = `count`, q = what is left. */
export interface SyncTarget extends SyncSetting {
  /** Writes rather wait than be acknowledged by fewer than `count` on the way. */
  isStrict: boolean;
}

export type SyncStep =
  | { kind: 'done' }
  /** Nothing may be built on the present setting before PostgreSQL is seen to follow it. */
  | { kind: 'confirm' }
  /** `part` says who acts: PostgreSQL waits for other standbys, or the log alone counts other votes. */
  | { kind: 'move'; part: 'postgres' | 'log'; next: SyncSet };

/** More settings than this in doubt at once mean that PostgreSQL does not follow at all: confirm first. */
const unconfirmedMax = 8;

/** The next single step from here to the target; the target may change between any two steps. */
export function nextSyncStep(state: SyncState, primary: string, target: SyncTarget): SyncStep {
  const proposals = proposeSteps(state.set, target);
  const next = proposals.find((proposal) => whyNotMove(state, proposal, primary) === null);
  if (next) return { kind: 'move', part: touchesPostgres(state.set, next) ? 'postgres' : 'log', next };
  return state.unconfirmed.length > 0 ? { kind: 'confirm' } : { kind: 'done' };
}

/**
 * Whether every commit that may have been acknowledged meets every election. False only after a cluster has left `async` mode,
 * until PostgreSQL is seen to wait: what nobody waited for is promised to nobody.
 */
export function isGuaranteed({ set, unconfirmed }: SyncState, primary: string | null): boolean {
  return [set, ...unconfirmed].every(
    ({ standbys, count }) => syncSetProblem({ ...set, standbys, count }, primary) === null,
  );
}

/** Says why `next` may not follow `state`, or null when every acknowledged commit still meets every election. */
export function whyNotMove(state: SyncState, next: SyncSet, primary: string | null): string | null {
  const { set } = state;
  const isPostgres = touchesPostgres(set, next);
  const isLog = set.votes !== next.votes || !isSame(set.electors, next.electors);
  if (isPostgres === isLog) return 'a step changes either the standbys or the electors';
  if (!isSingle(set, next)) return 'a step changes one node and one number at most';
  if (isLog && state.unconfirmed.length > 0 && admitsElections(set, next)) {
    return 'PostgreSQL has not confirmed yet what it waits for';
  }
  const settings = isPostgres ? unconfirmedAfter(state, next) : state.unconfirmed;
  if (settings.length > unconfirmedMax) return 'too many settings are unconfirmed';
  for (const { standbys, count } of [next, ...settings]) {
    const problem = syncSetProblem({ ...next, standbys, count }, primary);
    if (problem) return problem;
  }
  return null;
}

/**
 * What stays in doubt once `next` stands: every setting that PostgreSQL was told and that may have let a commit pass which
 * `next` would have held up.
 */
export function unconfirmedAfter(state: SyncState, next: SyncSet): SyncSetting[] {
  const { standbys, count } = state.set;
  const settings = touchesPostgres(state.set, next)
    ? [...state.unconfirmed, { standbys, count }]
    : state.unconfirmed;
  const kept: SyncSetting[] = [];
  for (const setting of settings) {
    if (![next, ...kept].some((other) => lets(other, setting))) kept.push(setting);
  }
  return kept;
}

/** Whether every commit that `stronger` lets pass is one that `weaker` lets pass too. */
function lets(weaker: SyncSetting, stronger: SyncSetting): boolean {
  const elsewhere = stronger.standbys.filter((name) => !weaker.standbys.includes(name)).length;
  return stronger.count - elsewhere >= weaker.count;
}

/** In order of preference; the first one that is safe is taken. None when the target is reached. */
function proposeSteps(set: SyncSet, target: SyncTarget): SyncSet[] {
  const count = countFor(set, target);
  const isWanted = (name: string) => target.standbys.includes(name);
  const hasSlack = set.votes + set.count > Math.max(set.electors.length, set.standbys.length);
  const lower = set.count > count ? [hasSlack ? withCount(set, -1) : withVotes(set, 1)] : [];
  const onlyElector = set.electors.find((name) => !set.standbys.includes(name));
  if (onlyElector !== undefined) {
    return isWanted(onlyElector)
      ? [withStandby(set, onlyElector)]
      : [withVotes(withoutElector(set, onlyElector), -1), ...lower];
  }
  const onlyStandby = set.standbys.find((name) => !set.electors.includes(name));
  if (onlyStandby !== undefined) {
    return isWanted(onlyStandby)
      ? [withElector(set, onlyStandby), ...lower]
      : [withCount(withoutStandby(set, onlyStandby), -1)];
  }
  if (hasSlack) return lower.length > 0 ? lower : [withVotes(set, -1)];
  return proposeFromRest(set, { ...target, count });
}

/**
 * How many confirmations to aim at from here. Where writes must go on, no more than there are standbys to give them: a
 * member that is to leave is taken for dead.
 */
function countFor(set: SyncSet, target: SyncTarget): number {
  const wanted = Math.min(target.count, target.standbys.length);
  const staying = set.standbys.filter((name) => target.standbys.includes(name)).length;
  return !target.isStrict && set.count > staying ? Math.min(staying, wanted) : wanted;
}

/** V = S and q = |S| − n: no step is half done. While somebody is to leave n rises last, so that it is never needed. */
function proposeFromRest(set: SyncSet, target: SyncTarget): SyncSet[] {
  const leaving = set.standbys.find((name) => !target.standbys.includes(name));
  const missing = target.standbys.find((name) => !set.standbys.includes(name));
  if (set.count > target.count) {
    return leaving !== undefined && set.votes === 0 ? [withoutElector(set, leaving)] : [withVotes(set, 1)];
  }
  if (missing !== undefined) {
    return set.count < target.count && leaving === undefined
      ? [withCount(withStandby(set, missing), 1)]
      : [withVotes(withElector(set, missing), 1)];
  }
  if (leaving !== undefined) return [withoutStandby(set, leaving)];
  return set.count < target.count ? [withCount(set, 1)] : [];
}

/** Whether some election would be possible after the step that contains none that was possible before. */
function admitsElections(set: SyncSet, next: SyncSet): boolean {
  const added = next.electors.filter((name) => !set.electors.includes(name)).length;
  return next.votes - added < set.votes;
}

function isSingle(set: SyncSet, next: SyncSet): boolean {
  return (
    difference(set.electors, next.electors) <= 1 &&
    difference(set.standbys, next.standbys) <= 1 &&
    Math.abs(set.votes - next.votes) <= 1 &&
    Math.abs(set.count - next.count) <= 1
  );
}

function difference(left: readonly string[], right: readonly string[]): number {
  const onlyLeft = left.filter((name) => !right.includes(name));
  const onlyRight = right.filter((name) => !left.includes(name));
  return onlyLeft.length + onlyRight.length;
}

function touchesPostgres(set: SyncSet, next: SyncSet): boolean {
  return set.count !== next.count || !isSame(set.standbys, next.standbys);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && difference(left, right) === 0;
}

function withCount(set: SyncSet, change: number): SyncSet {
  return { ...set, count: Math.max(0, set.count + change) };
}

function withVotes(set: SyncSet, change: number): SyncSet {
  return { ...set, votes: Math.max(0, set.votes + change) };
}

function withStandby(set: SyncSet, name: string): SyncSet {
  return { ...set, standbys: [...set.standbys, name].sort() };
}

function withoutStandby(set: SyncSet, name: string): SyncSet {
  return { ...set, standbys: set.standbys.filter((other) => other !== name) };
}

function withElector(set: SyncSet, name: string): SyncSet {
  return { ...set, electors: [...set.electors, name].sort() };
}

function withoutElector(set: SyncSet, name: string): SyncSet {
  return { ...set, electors: set.electors.filter((other) => other !== name) };
}
