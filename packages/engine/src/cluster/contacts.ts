import type { ClusterState, Member } from '../contract/cluster-state.ts';
import type { Contact, Network } from '../contract/network.ts';
import type { Cancel, Clock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Peers } from './peer-protocol.ts';

export interface ContactsOptions {
  self: string;
  peers: Peers;
  clock: Clock;
  state(): ClusterState | null;
  /** When each member last answered on Raft's connections, by Raft id: CLOCK_MONOTONIC ms. */
  raftAnswers(): { id: number; atMs: number | null }[];
}

interface Known {
  /** Since when this node asks it: CLOCK_MONOTONIC ms. */
  sinceMs: number;
  apiAtMs: number | null;
  /** What it told of its own contacts, when it last answered. */
  told: Contact[];
  silentSinceMs: number | null;
}

const everyMs = 1000;
const callDeadlineMs = 900;
/** Three answers missed: a busy machine is not a partition. */
const silentAfterMs = 3500;

/** Who this node hears, and what the others tell of whom they hear: every daemon asks every other once a second. */
export class Contacts {
  private readonly options: ContactsOptions;
  private readonly known = new Map<string, Known>();
  private readonly asking = new Set<string>();
  private stopTimer: Cancel = () => undefined;

  constructor(options: ContactsOptions) {
    this.options = options;
  }

  start(): void {
    this.stopTimer = this.options.clock.every(everyMs, () => this.askAll());
  }

  stop(): void {
    this.stopTimer();
  }

  /** This node's own row. A node that has had no time to answer yet is not called silent. */
  own(): Contact[] {
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    const raftAnswers = this.options.raftAnswers();
    return this.others().map((member) => {
      const known = this.of(member.name);
      const raft = raftAnswers.find((answer) => answer.id === member.raftId);
      const raftAtMs = raft?.atMs ?? null;
      const isRecent = (atMs: number | null) => nowMs - (atMs ?? known.sinceMs) < silentAfterMs;
      // Without a word from the Raft thread the API alone tells.
      const hears = isRecent(known.apiAtMs) && (raft === undefined || isRecent(raftAtMs));
      known.silentSinceMs = hears ? null : (known.silentSinceMs ?? clock.wallMs());
      return {
        node: member.name,
        hears,
        raftAgeMs: raftAtMs === null ? null : Math.round(nowMs - raftAtMs),
        apiAgeMs: known.apiAtMs === null ? null : Math.round(nowMs - known.apiAtMs),
        silentSinceMs: known.silentSinceMs,
      };
    });
  }

  /** Every row that is known here: the own one, and those of the nodes that answer. */
  rows(): Network['rows'] {
    const own = this.own();
    const told = own.flatMap(({ node, hears }) =>
      hears && this.of(node).told.length > 0 ? [rowOf(node, this.of(node).told)] : [],
    );
    return [rowOf(this.options.self, own), ...told];
  }

  private askAll(): void {
    const others = this.others();
    for (const name of this.known.keys())
      if (!others.some((member) => member.name === name)) this.known.delete(name);
    for (const member of others) void this.ask(member);
  }

  private async ask(member: Member): Promise<void> {
    if (this.asking.has(member.name)) return;
    this.asking.add(member.name);
    try {
      const { contacts } = await this.options.peers.call(member, 'contacts', {
        input: {},
        deadlineMs: callDeadlineMs,
      });
      this.heard(member.name, contacts);
    } catch (error) {
      if (isAnswer(error)) this.heard(member.name, []);
    } finally {
      this.asking.delete(member.name);
    }
  }

  private heard(name: string, told: Contact[]): void {
    Object.assign(this.of(name), { apiAtMs: this.options.clock.monotonicMs(), told });
  }

  private of(name: string): Known {
    const known = this.known.get(name);
    if (known) return known;
    const fresh = {
      sinceMs: this.options.clock.monotonicMs(),
      apiAtMs: null,
      told: [],
      silentSinceMs: null,
    };
    this.known.set(name, fresh);
    return fresh;
  }

  private others(): Member[] {
    const { state, self } = this.options;
    return Object.values(state()?.members ?? {}).filter(
      (member) => member.name !== self && member.phase === 'active',
    );
  }
}

export function rowOf(node: string, contacts: readonly Contact[]): Network['rows'][number] {
  const named = (hears: boolean) =>
    contacts.filter((contact) => contact.hears === hears).map((contact) => contact.node);
  return { node, hears: named(true), deafTo: named(false) };
}

/** A refusal is an answer, and so is an older release's that does not know the question. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof QuantaError && error.code !== 'PEER_UNREACHABLE' && error.code !== 'DEADLINE_EXCEEDED'
  );
}
