import type { SyncSet, SyncSetting } from '../../contract/cluster-state.ts';
import type { SyncState } from '../transitions.ts';

/**
 * What can have happened to a cluster, told without the quorum rule: which sets of nodes may be all that hold some
 * acknowledged commit, and which sets of nodes may elect. Nodes are bits.
 */
export interface World extends SyncState {
  primary: string;
  /** The smallest sets of nodes that may be all that hold an acknowledged commit. */
  holders: number[];
}

export const nodeNames = ['a', 'b', 'c', 'd', 'e'];

export function maskOf(names: readonly string[]): number {
  return names.reduce((mask, name) => mask | (1 << nodeNames.indexOf(name)), 0);
}

/** Every way to choose `size` of `mask`, as masks. */
export function choices(mask: number, size: number): number[] {
  const key = mask * 64 + size;
  const known = chosen.get(key);
  if (known) return known;
  const found: number[] = [];
  for (let subset = mask; ; subset = (subset - 1) & mask) {
    if (bits(subset) === size) found.push(subset);
    if (subset === 0) break;
  }
  chosen.set(key, found);
  return found;
}
const chosen = new Map<number, number[]>();

/** Clients commit for a while: PostgreSQL may be acknowledging by the set's own setting or by any unconfirmed one. */
export function commit(world: World): World {
  const made = [world.set, ...world.unconfirmed].flatMap((setting) => acknowledgers(world.primary, setting));
  return { ...world, holders: smallest([...world.holders, ...made]) };
}

/** Enough standbys of the present setting have passed a position behind every earlier commit. */
export function confirm(world: World): World {
  const having = acknowledgers(world.primary, world.set);
  const holders = world.holders.flatMap((held) => having.map((more) => held | more));
  return { ...world, unconfirmed: [], holders: smallest(holders) };
}

/** An election that shares no node with the holders of some acknowledged commit, or null. */
export function lostByElection(world: World): { holders: number; voters: number } | null {
  const voters = maskOf([...world.set.electors, world.primary]);
  for (const election of choices(voters, world.set.votes + 1)) {
    for (const held of world.holders) if ((held & election) === 0) return { holders: held, voters: election };
  }
  return null;
}

/** Whoever could win: its WAL then holds every commit that any of its voters held. */
export function winners(world: World): string[] {
  const able = [...world.set.electors, world.primary];
  return able.length > world.set.votes ? able : [];
}

export function afterElection(world: World, winner: string, set: SyncSet): World {
  const unconfirmed = winner === world.primary ? world.unconfirmed : [];
  const holders = smallest(world.holders.map((held) => held | maskOf([winner])));
  return { primary: winner, set, unconfirmed, holders };
}

export function keyOf(world: World): string {
  const { primary, set, unconfirmed, holders } = world;
  const settings = unconfirmed.map((setting) => maskOf(setting.standbys) * 8 + setting.count);
  const own = [maskOf(set.electors), set.votes, maskOf(set.standbys), set.count];
  return `${primary}|${own}|${settings.sort((left, right) => left - right)}|${holders}`;
}

function acknowledgers(primary: string, { standbys, count }: SyncSetting): number[] {
  return choices(maskOf(standbys), count).map((acks) => acks | maskOf([primary]));
}

function smallest(masks: number[]): number[] {
  const unique = [...new Set(masks)];
  const isLarger = (mask: number) => unique.some((other) => other !== mask && (other & mask) === other);
  return unique.filter((mask) => !isLarger(mask)).sort((left, right) => left - right);
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
