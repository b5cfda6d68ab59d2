import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Random } from '../shared/random.ts';
import { RecentExtreme } from '../shared/recent-extreme.ts';
import { RaftCore } from './core.ts';
import type { LeaseRenewalFrame, PayloadFrame } from './frames.ts';
import { type LeaseGate, LeaseLedger, RenewalDesk, type RenewalOutcome } from './lease-ledger.ts';
import { Patience } from './patience.ts';
import { snapshotLengthMax } from './snapshot-transfer.ts';
import type { RaftStorage } from './storage.ts';
import type { ConfigurationChange, Message, PeerAddress, RaftTiming, Ready } from './types.ts';
import type {
  CommittedEntry,
  ProposalOutcome,
  RaftStatus,
  SimpleOutcome,
  WorkerEvent,
} from './worker-protocol.ts';

export interface RaftNodeOptions {
  self: PeerAddress;
  timing: RaftTiming;
  storage: RaftStorage;
  clock: Clock;
  random: Random;
  logger: Logger;
  send(to: number, frame: PayloadFrame): void;
  setMembers(members: readonly PeerAddress[]): void;
  emit(event: WorkerEvent): void;
  /** Storage or an invariant failed: nothing more may leave this node. */
  onFatal(error: unknown): void;
}

/** Entries handed to the main thread and not yet reported as applied. */
const deliveredAheadMax = 4096;
const statusEveryMs = 250;
/** Entries kept behind a snapshot, so that a follower that is a little late needs no snapshot. */
const keptEntries = 256;
const commandBytesMax = 1024 * 1024;

/** The core with its storage, its peers and those who wait for it: one thread, one event at a time. */
export class RaftNode {
  private readonly options: RaftNodeOptions;
  private readonly core: RaftCore;
  private readonly ledger = new LeaseLedger();
  private readonly desk = new RenewalDesk();
  private readonly patience = new Patience();
  private appliedIndex: number;
  private readCounter = 0;
  private pumping = false;
  private stopped = false;
  private lastStatusMs = 0;
  private lastStatusKey = '';
  private lastConfiguration: unknown = null;
  private readonly fsyncMs = new RecentExtreme('max');
  private readonly loopDelayMs = new RecentExtreme('max');

  constructor(options: RaftNodeOptions) {
    this.options = options;
    const persisted = options.storage.initial;
    this.core = new RaftCore({
      id: options.self.id,
      timing: options.timing,
      random: options.random,
      persisted,
      nowMs: options.clock.monotonicMs(),
    });
    this.appliedIndex = persisted.snapshot?.index ?? 0;
    if (persisted.snapshot) {
      const { index, term, data } = persisted.snapshot;
      options.emit({ type: 'snapshot', snapshot: { index, term, data } });
    }
    this.pump();
  }

  tick(lateMs: number): void {
    this.loopDelayMs.note(lateMs, this.now());
    this.act(() => {
      const nowMs = this.now();
      this.core.tick(nowMs);
      this.desk.expire(nowMs);
      this.patience.expire(nowMs);
      this.patience.retry();
    });
  }

  receive(from: PeerAddress, frame: PayloadFrame): void {
    this.act(() => {
      if (frame.kind === 'lease-renewal') this.receiveRenewal(from.id, frame);
      else if (frame.kind === 'lease-reply') this.desk.answer(frame.sequence, frame);
      else if (isForUs(frame.message, from, this.options.self)) this.core.step(frame.message, this.now());
    });
  }

  propose(data: string, deadlineMs: number): Promise<ProposalOutcome> {
    return this.answered((settle) => {
      const { leaderId } = this.core.status();
      if (data.length > commandBytesMax) return settle({ ok: false, reason: 'queue_full', leaderId });
      const proposed = this.core.propose(data, this.now());
      if (!proposed.ok) return settle({ ok: false, reason: proposed.reason, leaderId });
      const { index, term } = proposed;
      this.patience.untilCommitted({ index, term, endMs: this.now() + deadlineMs }, (outcome) =>
        settle(
          outcome === 'committed'
            ? { ok: true, index, term }
            : { ok: false, reason: outcome, leaderId: this.core.status().leaderId },
        ),
      );
    });
  }

  changeConfiguration(change: ConfigurationChange, deadlineMs: number): Promise<SimpleOutcome> {
    const endMs = this.now() + deadlineMs;
    return this.answered((settle) => {
      let why = 'timeout';
      const attempt = (): boolean => {
        const proposed = this.core.proposeConfiguration(change, this.now());
        if (proposed.ok || proposed.reason === 'unchanged') {
          const { index, term } = proposed;
          if (index <= this.core.log.commitIndex) settle({ ok: true });
          else
            this.patience.untilCommitted({ index, term, endMs }, (outcome) =>
              settle(outcome === 'committed' ? { ok: true } : { ok: false, reason: outcome }),
            );
          return true;
        }
        if (proposed.reason === 'not_yet') {
          why = proposed.detail;
          return false;
        }
        settle({ ok: false, reason: proposed.reason === 'refused' ? proposed.detail : proposed.reason });
        return true;
      };
      if (!attempt()) this.patience.until(attempt, endMs, () => settle({ ok: false, reason: why }));
    });
  }

  transferLeadership(toId: number, deadlineMs: number): Promise<SimpleOutcome> {
    return this.answered((settle) => {
      const refusal = this.core.transferTo(toId, this.now());
      if (refusal !== null) return settle({ ok: false, reason: refusal });
      const isDone = (): boolean => {
        const { leaderId } = this.core.status();
        if (leaderId === null || (leaderId === this.options.self.id && leaderId !== toId)) return false;
        settle(leaderId === toId ? { ok: true } : { ok: false, reason: 'another node became leader' });
        return true;
      };
      if (!isDone())
        this.patience.until(isDone, this.now() + deadlineMs, () => settle({ ok: false, reason: 'timeout' }));
    });
  }

  confirmLeadership(deadlineMs: number): Promise<SimpleOutcome> {
    return this.answered((settle) => {
      const readId = this.nextReadId();
      this.patience.untilRead({ readId, endMs: this.now() + deadlineMs }, (isProven) =>
        settle(isProven ? { ok: true } : { ok: false, reason: 'leadership was not proven' }),
      );
      this.core.requestRead(readId, this.now());
    });
  }

  setLeaseGate(gate: LeaseGate | null): void {
    this.ledger.setGate(gate, this.core.isLeader);
  }

  renewLease(request: { epoch: number; body: string }, deadlineMs: number): Promise<RenewalOutcome> {
    return this.answered((settle) => {
      const { leaderId } = this.core.status();
      if (leaderId === null) return settle({ ok: false, reason: 'no leader is known' });
      const sequence = this.desk.open({ nowMs: this.now(), deadlineMs }, settle);
      if (sequence === null) return settle({ ok: false, reason: 'too many renewals wait' });
      const frame: LeaseRenewalFrame = { kind: 'lease-renewal', sequence, ...request };
      if (leaderId === this.options.self.id) this.receiveRenewal(leaderId, frame);
      else this.options.send(leaderId, frame);
    });
  }

  applied(index: number): void {
    this.act(() => {
      this.appliedIndex = Math.max(this.appliedIndex, index);
    });
  }

  keepSnapshot(snapshot: { index: number; data: string }): void {
    this.act(() => {
      if (snapshot.data.length > snapshotLengthMax) {
        const { length } = snapshot.data;
        this.options.logger.error({ length }, 'the state is too large for a snapshot: the log is kept whole');
        return;
      }
      if (!this.core.compact(snapshot, keptEntries)) return;
      const kept = this.core.log.snapshot;
      if (kept) this.options.storage.saveSnapshot(kept, snapshot.index - keptEntries);
    });
  }

  setMayLead(mayLead: boolean): void {
    this.act(() => this.core.setMayLead(mayLead, this.now()));
  }

  status(): RaftStatus {
    const status = this.core.status();
    return {
      ...status,
      id: this.options.self.id,
      appliedIndex: this.appliedIndex,
      configuration: [...status.configuration],
      fsyncMsMax: this.fsyncMs.value(this.now()) ?? 0,
      loopDelayMsMax: this.loopDelayMs.value(this.now()) ?? 0,
    };
  }

  stop(): void {
    this.stopped = true;
    this.desk.failAll('this node stops');
    this.patience.failAll();
    this.options.storage.close();
  }

  private now(): number {
    return this.options.clock.monotonicMs();
  }

  private answered<T>(start: (settle: (outcome: T) => void) => void): Promise<T> {
    return new Promise((resolve) => this.act(() => start(resolve)));
  }

  private act(work: () => void): void {
    if (this.stopped) return;
    try {
      work();
      this.pump();
    } catch (error) {
      this.stopped = true;
      this.options.onFatal(error);
    }
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    try {
      for (;;) {
        const ready = this.core.ready(this.appliedIndex + deliveredAheadMax);
        if (!ready) break;
        this.carryOut(ready);
        this.core.persisted(ready);
      }
    } finally {
      this.pumping = false;
    }
    this.tell();
  }

  /** The order is the protocol (see `Ready`). */
  private carryOut(ready: Ready): void {
    this.sendAll(ready.early);
    this.makeDurable(ready);
    this.sendAll(ready.messages);
    if (!this.core.isLeader) this.ledger.leadershipLost();
    if (ready.snapshot) this.restored(ready.snapshot);
    const last = ready.committed.at(-1);
    if (last) {
      const entries: CommittedEntry[] = [];
      for (const entry of ready.committed) {
        if (entry.kind === 'command')
          entries.push({ index: entry.index, term: entry.term, data: entry.data });
        this.patience.committed(entry.index, entry.term);
      }
      this.options.emit({ type: 'committed', upTo: last.index, entries });
    }
    for (const read of ready.reads) this.readAnswered(read.id, true);
    for (const readId of ready.failedReads) this.readAnswered(readId, false);
  }

  private makeDurable(ready: Ready): void {
    const { storage } = this.options;
    const startedMs = this.now();
    if (ready.snapshot) storage.restore(ready.snapshot, ready.hardState);
    storage.append({ hardState: ready.hardState, entries: ready.entries, mustSync: ready.mustSync });
    if (ready.mustSync) this.fsyncMs.note(this.now() - startedMs, this.now());
  }

  private restored(snapshot: { index: number; term: number; data: string }): void {
    const { index, term, data } = snapshot;
    this.appliedIndex = Math.max(this.appliedIndex, index);
    this.patience.skippedTo(index);
    this.options.emit({ type: 'snapshot', snapshot: { index, term, data } });
  }

  private sendAll(messages: readonly Message[]): void {
    for (const message of messages) this.options.send(message.to, { kind: 'raft', message });
  }

  private receiveRenewal(holderId: number, frame: LeaseRenewalFrame): void {
    const { sequence, epoch, body } = frame;
    const reply = ({ ok, reason }: { ok: boolean; reason: string }): void => {
      if (holderId === this.options.self.id) this.desk.answer(sequence, { ok, reason });
      else this.options.send(holderId, { kind: 'lease-reply', sequence, ok, reason });
    };
    if (!this.core.isLeader) {
      reply({ ok: false, reason: 'this node does not lead' });
      return;
    }
    const renewal = { holderId, epoch, body, receivedAtMs: this.now() };
    const readId = this.nextReadId();
    const refusal = this.ledger.receive(renewal, readId, reply);
    if (refusal !== null) {
      reply({ ok: false, reason: refusal });
      return;
    }
    this.options.emit({ type: 'lease-renewal', renewal });
    this.core.requestRead(readId, this.now());
  }

  private readAnswered(readId: number, isProven: boolean): void {
    if (!this.ledger.proven(readId, isProven)) this.patience.read(readId, isProven);
  }

  private nextReadId(): number {
    this.readCounter += 1;
    return this.readCounter;
  }

  /** Changes are told at once, the rest (contacts, delays) four times a second. */
  private tell(): void {
    const status = this.status();
    const { role, term, leaderId, commitIndex, appliedIndex, lastIndex, leaderSinceMs } = status;
    const configuration = this.core.status().configuration;
    if (configuration !== this.lastConfiguration) {
      this.lastConfiguration = configuration;
      this.options.setMembers(status.configuration);
    }
    const key = [
      role,
      term,
      leaderId,
      commitIndex,
      appliedIndex,
      lastIndex,
      leaderSinceMs,
      this.core.log.configurationIndex,
    ].join();
    const nowMs = this.now();
    if (key === this.lastStatusKey && nowMs - this.lastStatusMs < statusEveryMs) return;
    this.lastStatusKey = key;
    this.lastStatusMs = nowMs;
    this.options.emit({ type: 'status', status });
  }
}

/** A peer may only speak for itself, and a message for another id is a leftover of an earlier member on this address. */
function isForUs(message: Message, from: PeerAddress, self: PeerAddress): boolean {
  return message.to === self.id && message.from === from.id;
}
