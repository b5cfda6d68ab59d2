import type { ClusterState } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Command, CommandResult } from './commands.ts';
import { type Envelope, envelopeSchema } from './commands.ts';
import { lostPart } from './feature-level.ts';
import { apply, decodeState, encodeState } from './state.ts';

/** What the coordinator needs of consensus. Embedded Raft is the default implementation. */
export interface ConsensusStore {
  /** The state as far as this node has applied the log; null before the cluster was created. */
  state(): ClusterState | null;
  /** Puts a command into the log and answers what applying it gave. Only where `leadership().isLeader`. */
  submit(command: Command, deadlineMs: number): Promise<CommandResult>;
  leadership(): Leadership;
  onChange(listener: () => void): () => void;
}

export interface Leadership {
  isLeader: boolean;
  leaderRaftId: number | null;
  term: number;
  /** CLOCK_MONOTONIC ms since which this node leads and has its own term's first entry committed. */
  leaderSinceMs: number | null;
}

/** The part of a Raft driver that a store uses (so that tests can put another log behind it). */
export interface ReplicatedLog {
  propose(
    data: string,
    deadlineMs: number,
  ): Promise<
    { ok: true; index: number; term: number } | { ok: false; reason: string; leaderId: number | null }
  >;
}

interface Waiter {
  term: number;
  resolve(result: CommandResult): void;
}

const resultsMax = 1000;

/**
 * Applies committed entries to ClusterState and matches results to the proposals of this node. The driver delivers
 * entries in order; a proposal's answer and its delivery may come in either order.
 */
export class StateMachine {
  private current: ClusterState | null = null;
  private readonly results = new Map<number, { term: number; result: CommandResult }>();
  private readonly waiters = new Map<number, Waiter>();
  private readonly listeners = new Set<() => void>();
  private readonly clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  state(): ClusterState | null {
    return this.current;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Entries as the driver delivers them. Throws on an entry of an unknown format: guessing would fork the cluster. */
  deliver(entries: { index: number; term: number; data: string }[]): void {
    for (const entry of entries) {
      const envelope = decodeEnvelope(entry.data);
      const applied = apply(this.current, envelope.command, envelope.atMs);
      this.current = applied.state;
      this.settle(entry, applied.result);
    }
    for (const listener of this.listeners) listener();
  }

  restore(snapshot: string): void {
    this.current = decodeState(snapshot);
    for (const listener of this.listeners) listener();
  }

  snapshot(): string {
    return encodeState(this.current);
  }

  async submit(log: ReplicatedLog, command: Command, deadlineMs: number): Promise<CommandResult> {
    const endMs = this.clock.monotonicMs() + deadlineMs;
    const envelope: Envelope = { version: 1, atMs: this.clock.wallMs(), command };
    const proposed = await log.propose(JSON.stringify(envelope), deadlineMs);
    if (!proposed.ok) throw proposalError(proposed.reason);
    return this.resultOf(proposed, endMs - this.clock.monotonicMs());
  }

  private settle(entry: { index: number; term: number }, result: CommandResult): void {
    const waiter = this.waiters.get(entry.index);
    if (waiter) {
      this.waiters.delete(entry.index);
      waiter.resolve(
        waiter.term === entry.term ? result : { ok: false, reason: 'overwritten by another leader' },
      );
      return;
    }
    this.results.set(entry.index, { term: entry.term, result });
    const oldest = this.results.keys().next().value;
    if (this.results.size > resultsMax && oldest !== undefined) this.results.delete(oldest);
  }

  private resultOf(proposed: { index: number; term: number }, timeoutMs: number): Promise<CommandResult> {
    const known = this.results.get(proposed.index);
    if (known) {
      this.results.delete(proposed.index);
      const isOurs = known.term === proposed.term;
      return Promise.resolve(isOurs ? known.result : { ok: false, reason: 'overwritten by another leader' });
    }
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(Math.max(timeoutMs, 50), () => {
        this.waiters.delete(proposed.index);
        reject(new QuantaError('DEADLINE_EXCEEDED', 'the command is committed but was not applied in time'));
      });
      const settle = (result: CommandResult) => {
        cancel();
        resolve(result);
      };
      this.waiters.set(proposed.index, { term: proposed.term, resolve: settle });
    });
  }
}

function decodeEnvelope(data: string): Envelope {
  const raw: unknown = JSON.parse(data);
  const parsed = envelopeSchema.safeParse(raw);
  const lost = parsed.success ? lostPart(raw, parsed.data) : null;
  if (parsed.success && lost === null) return parsed.data;
  const why = parsed.success ? `${lost} is not known here` : parsed.error.message;
  throw new QuantaError('STORAGE_CORRUPT', `a log entry cannot be read: ${why}`, {
    hint: 'This daemon may be older than the leader: install the same version as on the other nodes.',
  });
}

function proposalError(reason: string): QuantaError {
  switch (reason) {
    case 'not_leader':
      return new QuantaError('NOT_LEADER', 'this node does not lead the Raft group');
    case 'timeout':
      return new QuantaError('DEADLINE_EXCEEDED', 'the Raft group did not confirm the command in time', {
        hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
      });
    default:
      return new QuantaError('NO_QUORUM', `the Raft group did not take the command (${reason})`, {
        hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
      });
  }
}
