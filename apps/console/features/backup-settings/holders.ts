import type { NodeStatus } from '@quantadb/api/client-types';
import type { Config } from './draft.ts';

/** On whose disk a repository can be (pure); whether it can is the cluster's to say. */

export interface Held {
  number: number;
  host: string;
}

export interface Holder {
  name: string;
  words: string;
}

/** The repository of another number that is on the disk of a host. */
export function heldByOther(config: Config | null, number: number): Held | null {
  if (!config) return null;
  const all = [{ number: 1, repository: config.repository }, ...(config.further ?? [])];
  for (const { number: each, repository } of all)
    if (each !== number && repository.type === 'host') return { number: each, host: repository.host };
  return null;
}

/** Those without data first: losing one of them costs no copy of the data. What is set stays to be chosen. */
export function holdersOf(nodes: readonly Pick<NodeStatus, 'name' | 'kind'>[], chosen: string): Holder[] {
  const of = (wanted: NodeStatus['kind'], what: string) =>
    nodes
      .filter(({ kind }) => kind === wanted)
      .map(({ name }) => ({ name, words: `${name} (${what})` }))
      .sort((left, right) => left.name.localeCompare(right.name));
  const members = [...of('witness', 'a witness: no data'), ...of('data', 'holds data too')];
  const isGone = chosen !== '' && !members.some(({ name }) => name === chosen);
  return isGone ? [...members, { name: chosen, words: `${chosen} (not in this cluster now)` }] : members;
}
