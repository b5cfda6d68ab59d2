import type { RaftCore } from '../core.ts';
import type { Configuration, Entry, Message, Ready } from '../types.ts';
import { majority, voters } from '../types.ts';
import type { DurableLog } from './durable-log.ts';

export class InvariantViolation extends Error {
  readonly invariant: string;

  constructor(id: string, message: string) {
    super(`${id}: ${message}`);
    this.name = 'InvariantViolation';
    this.invariant = id;
  }
}

/** What the recorder may look at: the core that runs (null while the node is down) and what its disk holds. */
export interface ObservedNode {
  readonly id: number;
  readonly core: RaftCore | null;
  readonly durable: DurableLog;
}

interface CommittedEntry {
  term: number;
  content: string;
  /** The term of the leader that committed it: leaders of later terms must have it. */
  leaderTerm: number;
}

export function contentOf(entry: Entry): string {
  if (entry.kind === 'command') return `command ${entry.data}`;
  return entry.kind === 'noop' ? 'noop' : `configuration ${JSON.stringify(entry.peers)}`;
}

function demand(condition: boolean, id: string, message: () => string): void {
  if (!condition) throw new InvariantViolation(id, message());
}

/** Watches every node from outside and throws `InvariantViolation` at the first step that breaks one of I-RAFT-1..5. */
export class InvariantRecorder {
  private readonly nodes: ReadonlyMap<number, ObservedNode>;
  private readonly leaders = new Map<number, number>();
  private readonly seen = new Map<string, { content: string; previousTerm: number }>();
  private readonly committed: CommittedEntry[] = [];
  private readonly digests = new Map<number, string>();

  constructor(nodes: ReadonlyMap<number, ObservedNode>) {
    this.nodes = nodes;
  }

  get committedIndex(): number {
    return this.committed.length;
  }

  isCommitted(index: number, term: number): boolean {
    return this.committed[index - 1]?.term === term;
  }

  /** The founders' configuration is in force from the start: nobody commits it. */
  founded(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.committed.push({ term: entry.term, content: contentOf(entry), leaderTerm: entry.term });
    }
  }

  /** To be called for every message at the moment it leaves. */
  sent(node: ObservedNode, message: Message): void {
    const { hardState } = node.durable;
    const unpromised = message.type === 'pre_vote' || (message.type === 'pre_vote_reply' && message.granted);
    if (unpromised || hardState.term > message.term) return;
    const holds = (condition: boolean, what: string): void =>
      demand(condition, 'I-RAFT-5', () => `node ${node.id} sent ${message.type} before ${what} was durable`);
    holds(hardState.term === message.term, `term ${message.term}`);
    if (message.type === 'vote') holds(hardState.vote === node.id, 'its own vote');
    if (message.type === 'vote_reply' && message.granted)
      holds(hardState.vote === message.to, `its vote for ${message.to}`);
    if (message.type === 'append_reply')
      holds(node.durable.lastIndex >= message.matchIndex, `entry ${message.matchIndex}`);
  }

  /**
   * Log matching by induction: if entries of one index and term always are the same and always follow the same
   * entry, then two logs that share one share everything before it.
   */
  appended(node: ObservedNode, ready: Ready): void {
    for (const entry of ready.entries) {
      const key = `${entry.index}/${entry.term}`;
      const content = contentOf(entry);
      const previousTerm = node.core?.log.termAt(entry.index - 1) ?? -1;
      const known = this.seen.get(key);
      if (!known) this.seen.set(key, { content, previousTerm });
      else
        demand(
          known.content === content && known.previousTerm === previousTerm,
          'I-RAFT-2',
          () => `node ${node.id} holds another entry or another history at ${key}`,
        );
    }
  }

  /** `digest` stands for everything a state machine was given up to `index`. */
  applied(node: ObservedNode & { appliedIndex: number }, at: { index: number; digest: string }): void {
    const { index, digest } = at;
    const known = this.digests.get(index) ?? digest;
    this.digests.set(index, known);
    demand(
      known === digest && node.appliedIndex === index,
      'I-RAFT-4',
      () => `node ${node.id} applied other entries up to ${index}, or not each once`,
    );
  }

  /** To be called after every input of a node. */
  stepped(node: ObservedNode): void {
    const { core } = node;
    if (!core) return;
    if (core.isLeader) this.leads(node, core);
    this.commits(node, core);
  }

  /** The definition of log matching, entry by entry over all pairs of logs: slow, for the end of a run. */
  compareLogs(): void {
    const cores = [...this.nodes.values()].flatMap(({ core }) => core ?? []);
    for (const [position, one] of cores.entries()) {
      for (const other of cores.slice(position + 1)) compareTwo(one, other);
    }
  }

  private leads(node: ObservedNode, core: RaftCore): void {
    const { term } = core;
    const known = this.leaders.get(term);
    if (known === node.id) return;
    demand(known === undefined, 'I-RAFT-1', () => `nodes ${known} and ${node.id} both lead in term ${term}`);
    this.leaders.set(term, node.id);
    const firstKnown = (core.log.snapshot?.index ?? 0) + 1;
    for (let index = firstKnown; index <= this.committed.length; index += 1) {
      const entry = this.committed[index - 1];
      if (!entry || entry.leaderTerm >= term) continue;
      demand(
        core.log.termAt(index) === entry.term,
        'I-RAFT-3',
        () => `node ${node.id} leads term ${term} without the committed entry ${index}/${entry.term}`,
      );
    }
  }

  private commits(node: ObservedNode, core: RaftCore): void {
    const { log } = core;
    const isNews = log.commitIndex > this.committed.length;
    if (isNews && core.isLeader) this.requireMajority(node, log.configuration, log.commitIndex);
    const from = Math.max(log.firstIndex, isNews ? this.committed.length + 1 : log.commitIndex);
    for (const entry of log.range(from, log.commitIndex)) this.commit(node, entry, core.term);
    demand(
      log.commitIndex <= this.committed.length,
      'I-RAFT-4',
      () => `node ${node.id} committed ${log.commitIndex} without showing every entry up to it`,
    );
  }

  private commit(node: ObservedNode, entry: Entry, leaderTerm: number): void {
    const content = contentOf(entry);
    const known = this.committed[entry.index - 1];
    if (!known) {
      this.committed.push({ term: entry.term, content, leaderTerm });
      return;
    }
    demand(
      known.term === entry.term && known.content === content,
      'I-RAFT-4',
      () => `node ${node.id} committed ${entry.term} at ${entry.index}, where ${known.term} was committed`,
    );
  }

  private requireMajority(leader: ObservedNode, configuration: Configuration, index: number): void {
    const term = leader.core?.log.termAt(index) ?? -1;
    const ids = voters(configuration);
    const holders = ids.filter((id) => this.nodes.get(id)?.durable.holds(index, term));
    demand(
      holders.length >= majority(ids.length),
      'I-RAFT-5',
      () => `node ${leader.id} committed ${index}/${term} while only the disks of ${holders} hold it`,
    );
  }
}

function compareTwo(one: RaftCore, other: RaftCore): void {
  let agreed = false;
  for (let index = Math.min(one.log.lastIndex, other.log.lastIndex); index >= 1; index -= 1) {
    const [left, right] = [one.log.entryAt(index), other.log.entryAt(index)];
    if (!left || !right) return;
    if (left.term === right.term) agreed = true;
    demand(
      !agreed || (left.term === right.term && contentOf(left) === contentOf(right)),
      'I-RAFT-2',
      () => `two logs that agree later differ at ${index}`,
    );
  }
}
