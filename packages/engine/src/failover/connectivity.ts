import type { Network } from '../contract/network.ts';
import { listWords } from '../shared/words.ts';

/**
 * From who hears whom to the name of the partition (pure). "Hears" means: dialled it and was answered. A node that answers
 * nobody who answers cannot be told from one that is down, and is said to be either.
 */

type Rows = Network['rows'];
type Kind = Network['kind'];
type Hearing = 'hears' | 'deaf' | 'unknown';
interface Finding {
  kind: Kind;
  words: string;
}
interface Pair {
  left: string;
  right: string;
}

/**
 * @param nodes every member that should be reachable
 * @param rows of those that could be asked; what a row says of other nodes is ignored
 */
export function judgeNetwork(nodes: readonly string[], rows: Rows): Network {
  const hearing = (from: string, to: string): Hearing => {
    const row = rows.find((each) => each.node === from);
    if (row?.hears.includes(to)) return 'hears';
    return row?.deafTo.includes(to) ? 'deaf' : 'unknown';
  };
  const isSilent = (node: string) =>
    !rows.some((row) => row.node === node) &&
    rows.some((row) => row.deafTo.includes(node)) &&
    !rows.some((row) => row.hears.includes(node));
  const silent = nodes.filter(isSilent);
  const others = nodes.filter((node) => !silent.includes(node));
  const map = new Links(others, hearing);
  const findings = [...silentFinding(silent), ...separations(others, map), ...oneWay(map)];
  const kinds = [...new Set(findings.map((finding) => finding.kind))];
  const [kind = 'connected'] = kinds;
  return {
    kind: kinds.length > 1 ? 'mixed' : kind,
    verdict: findings.length === 0 ? 'Every node hears every other.' : sentences(findings),
    rows,
  };
}

/** The state of every pair among some nodes. */
class Links {
  readonly down: Pair[] = [];
  /** `left` does not hear `right`, which hears it. */
  readonly oneWay: Pair[] = [];
  private readonly joined = new Map<string, Set<string>>();
  private readonly up = new Map<string, Set<string>>();

  constructor(nodes: readonly string[], hearing: (from: string, to: string) => Hearing) {
    for (const node of nodes) {
      this.joined.set(node, new Set());
      this.up.set(node, new Set());
    }
    nodes.forEach((left, index) => {
      for (const right of nodes.slice(index + 1)) {
        this.add({ left, right }, [hearing(left, right), hearing(right, left)]);
      }
    });
  }

  /** Groups of nodes that are joined somehow, the largest first. */
  groups(): string[][] {
    const left = new Set(this.joined.keys());
    const groups: string[][] = [];
    for (const start of this.joined.keys()) {
      if (!left.has(start)) continue;
      const group = [start];
      left.delete(start);
      for (let index = 0; index < group.length; index += 1) {
        for (const next of this.joined.get(group[index] ?? '') ?? []) {
          if (left.delete(next)) group.push(next);
        }
      }
      groups.push(group.sort());
    }
    return groups.sort(
      (one, other) => other.length - one.length || ((one[0] ?? '') < (other[0] ?? '') ? -1 : 1),
    );
  }

  /** Nodes that reach both. */
  between({ left, right }: Pair): string[] {
    return [...(this.up.get(left) ?? [])].filter((node) => this.up.get(right)?.has(node)).sort();
  }

  private add(pair: Pair, [there, back]: [Hearing, Hearing]): void {
    const { left, right } = pair;
    if (there !== 'hears' && back !== 'hears') {
      if (there === 'deaf' || back === 'deaf') this.down.push(pair);
      return;
    }
    this.joined.get(left)?.add(right);
    this.joined.get(right)?.add(left);
    if (there === 'deaf') this.oneWay.push(pair);
    else if (back === 'deaf') this.oneWay.push({ left: right, right: left });
    else {
      this.up.get(left)?.add(right);
      this.up.get(right)?.add(left);
    }
  }
}

function silentFinding(silent: string[]): Finding[] {
  if (silent.length === 0) return [];
  const isOne = silent.length === 1;
  const words = `nobody hears ${listWords(silent, 'or')}: ${isOne ? 'it is' : 'they are'} down, or cut off from everybody`;
  return [{ kind: 'cut-off', words }];
}

function separations(nodes: string[], links: Links): Finding[] {
  const groups = links.groups();
  const groupOf = (node: string) => groups.findIndex((group) => group.includes(node));
  const within = links.down.filter(({ left, right }) => groupOf(left) === groupOf(right));
  const partial = within.map((pair): Finding => ({ kind: 'partial', words: partialWords(pair, links) }));
  // Groups that know nothing of each other are no separation: nobody has said that they do not hear.
  if (within.length === links.down.length) return partial;
  const alone = groups.filter((group) => group.length === 1).flat();
  const isCutOff = groups.length - alone.length === 1 || nodes.length === 2;
  const words = isCutOff
    ? `${listWords(nodes.length === 2 ? nodes : alone, 'and')} ${alone.length === 1 ? 'is' : 'are'} cut off from ${nodes.length === 2 ? 'each other' : 'everybody'}`
    : `split: ${groups.map((group) => `{${group.join(', ')}}`).join(' | ')}`;
  return [{ kind: isCutOff ? 'cut-off' : 'split', words }, ...partial];
}

function partialWords(pair: Pair, links: Links): string {
  const between = links.between(pair);
  const words = `${pair.left} and ${pair.right} do not reach each other`;
  return between.length === 0
    ? `${words}: partial`
    : `${words}, both reach ${listWords(between, 'and')}: partial`;
}

/** One sentence per node that does not hear, so that a node that is deaf to all is not told of once for each. */
function oneWay(links: Links): Finding[] {
  const deaf = [...new Set(links.oneWay.map((pair) => pair.left))].sort();
  return deaf.map((node) => {
    const unheard = links.oneWay.filter((pair) => pair.left === node).map((pair) => pair.right);
    const verb = unheard.length === 1 ? 'hears' : 'hear';
    const words = `${node} does not hear ${listWords(unheard.sort(), 'and')}, which ${verb} it: one-way`;
    return { kind: 'one-way', words };
  });
}

function sentences(findings: Finding[]): string {
  const text = findings.map(({ words }) => words).join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
