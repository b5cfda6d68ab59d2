import type { DurabilityMode, SealVote } from '../../contract/cluster-state.ts';
import { parseLsn } from '../../postgres/lsn.ts';
import type { FromWorker } from '../../raft/worker-protocol.ts';
import { lsnText, type WalRecord } from './data-directory.ts';
import type { HostObserver, SimulatedHost } from './host.ts';
import { killMaxMs } from './model-reaper.ts';
import type { PostgresServer } from './postgres-server.ts';
import { Violation, type World } from './world.ts';

/** Watches everything from outside and fails the run at the first happening that breaks a promise (docs/SPEC.md). */
export class Auditor implements HostObserver {
  acknowledgedCount = 0;
  promotions = 0;
  lastAcknowledgedMs = 0;
  private readonly world: World;
  private readonly mode: DurabilityMode;
  private readonly leaseMs: number;
  private readonly servers: () => Iterable<PostgresServer>;
  private readonly leases: () => Iterable<{ name: string; remainingMs: number | null }>;
  private readonly guaranteed: WalRecord[] = [];
  /** The WAL that the newest primary began with, and who it was. */
  private canonical: WalRecord[] = [];
  private newestTimeline = 0;
  private epoch = 0;
  private readonly votedEpoch = new Map<string, { epoch: number; lsn: number }>();
  private readonly promises = new Map<string, number>();
  /** When the newest renewal that was confirmed had left its host, by the clock of that host. */
  private readonly renewedMs = new Map<string, number>();
  /** The longest lease that the cluster has agreed on, by its holder. */
  private readonly agreedLeaseMs = new Map<string, number>();
  private readonly promotedBy = new Map<number, string>();
  private readonly leaders = new Map<number, string>();
  private readonly committed = new Map<number, string>();

  constructor(
    world: World,
    { mode, leaseMs }: { mode: DurabilityMode; leaseMs: number },
    hosts: () => SimulatedHost[],
  ) {
    this.world = world;
    this.leaseMs = leaseMs;
    this.mode = mode;
    this.servers = () => hosts().map((host) => host.server);
    this.leases = () =>
      hosts().map((host) => ({
        name: host.name,
        remainingMs: host.hasPower ? host.reaper.remainingMs() : null,
      }));
  }

  acknowledged(server: PostgresServer, record: WalRecord, waitedForStandbys: boolean): void {
    if (record.value === null) return;
    this.acknowledgedCount += 1;
    this.lastAcknowledgedMs = this.world.nowMs;
    if (this.mode !== 'async' || waitedForStandbys) this.guaranteed.push(record);
    if (record.timeline >= this.newestTimeline) return;
    if (this.mode === 'async') {
      this.demand(
        this.isKilledAsItWakes(server),
        'I-LEASE-1',
        () =>
          `${server.name} acknowledges on timeline ${record.timeline} while timeline ${this.newestTimeline} is open`,
      );
      return;
    }
    this.demand(
      has(this.canonical, record),
      'I-SEAL-2',
      () =>
        `${server.name} acknowledged ${describe(record)}, which the primary of timeline ${this.newestTimeline} does not hold`,
    );
  }

  /** Nothing can act on a machine that stands still: it may go on from where it stood until the kill has ended. */
  private isKilledAsItWakes(server: PostgresServer): boolean {
    return server.isDying && this.world.nowMs - server.frozenUntilMs < killMaxMs;
  }

  promoted(server: PostgresServer): void {
    const { data } = server.parts;
    this.promotions += 1;
    const earlier = this.promotedBy.get(data.timeline);
    this.demand(
      earlier === undefined,
      'I-TIMELINE-1',
      () => `timeline ${data.timeline} was opened by ${earlier} and by ${server.name}`,
    );
    this.promotedBy.set(data.timeline, server.name);
    if (this.mode === 'async' && !server.isDying) this.demandAlone(server);
    // A promotion of a reign that has been replaced may still end; nobody will acknowledge what is written there.
    if (data.timeline <= this.newestTimeline) return;
    for (const record of this.guaranteed) {
      this.demand(
        data.holds(record),
        'I-ELECT-7',
        () =>
          `${server.name} became primary of timeline ${data.timeline} without the acknowledged ${describe(record)}`,
      );
    }
    this.newestTimeline = data.timeline;
    this.canonical = [...data.records];
  }

  roleChanged(server: PostgresServer): void {
    if (server.role === 'down') this.world.note(`${server.name}: PostgreSQL is down`);
  }

  promised(host: string, epoch: number): void {
    this.promises.set(host, Math.max(epoch, this.promises.get(host) ?? 0));
  }

  remembers(host: string, epoch: number): void {
    const promised = this.promises.get(host) ?? 0;
    const words = () => `${host} promised epoch ${promised}, and after a restart only ${epoch}`;
    this.demand(epoch >= promised, 'I-SEAL-1', words);
  }

  armed(host: string, deadlineMs: number): void {
    const leaseMs = Math.max(this.leaseMs, this.agreedLeaseMs.get(host) ?? 0);
    const endMs = (this.renewedMs.get(host) ?? Number.NEGATIVE_INFINITY) + leaseMs;
    const words = () =>
      `the lease of ${host} is taken to last ${(deadlineMs - endMs).toFixed(0)} ms too long`;
    this.demand(deadlineMs <= endMs, 'I-LEASE-1', words);
  }

  votes(host: string, epoch: number, vote: SealVote): void {
    if (!vote.ok || vote.livePrimary || epoch <= (this.votedEpoch.get(host)?.epoch ?? 0)) return;
    this.votedEpoch.set(host, { epoch, lsn: Number(parseLsn(vote.position.lsn)) });
  }

  /** No reign of the epoch that was voted for, or of a later one, exists yet: whatever is sent is of an older one. */
  acknowledgesWal(server: PostgresServer, lsn: number): void {
    const vote = this.votedEpoch.get(server.name);
    if (!vote || vote.epoch <= this.epoch) return;
    const words = () =>
      `${server.name} voted for epoch ${vote.epoch} with ${lsnText(vote.lsn)}, and acknowledges WAL up to ${lsnText(lsn)}`;
    this.demand(lsn <= vote.lsn, 'I-SEAL-2', words);
  }

  /** Looks at what a Raft thread tells its daemon. */
  told(host: string, message: FromWorker): void {
    if (message.type === 'answer' && 'sentAtMs' in message.answer)
      this.renewedMs.set(host, Math.max(message.answer.sentAtMs, this.renewedMs.get(host) ?? 0));
    if (message.type === 'status' && message.status.role === 'leader') {
      const { term } = message.status;
      const known = this.leaders.get(term) ?? host;
      this.demand(known === host, 'I-RAFT-1', () => `${known} and ${host} both lead term ${term}`);
      if (!this.leaders.has(term)) this.world.note(`${host} leads term ${term}`);
      this.leaders.set(term, host);
    }
    if (message.type !== 'committed') return;
    for (const { index, term, data } of message.entries) {
      const entry = `${term} ${data}`;
      const known = this.committed.get(index) ?? entry;
      this.demand(
        known === entry,
        'I-RAFT-4',
        () => `entry ${index} is ${known} elsewhere and ${entry} on ${host}`,
      );
      this.committed.set(index, entry);
      this.noteLease(data);
    }
  }

  private noteLease(data: string): void {
    if (!data.includes('"set-lease"')) return;
    const { command } = JSON.parse(data) as { command: { primary: string; leaseMs: number | null } };
    const longest = Math.max(command.leaseMs ?? 0, this.agreedLeaseMs.get(command.primary) ?? 0);
    this.agreedLeaseMs.set(command.primary, longest);
  }

  entryAt(index: number): string | undefined {
    return this.committed.get(index);
  }

  /** After everything has healed: one history, and nothing that was acknowledged is missing anywhere. */
  finalCheck(): void {
    const servers = [...this.servers()];
    const primary = servers.find((server) => server.role === 'primary');
    if (!primary) throw new Violation('I-LIVE-1', 'there is no primary after everything has healed');
    const { records, timeline } = primary.parts.data;
    for (const server of servers) {
      const { data } = server.parts;
      this.demand(
        data.timeline === timeline,
        'I-LOSS-2',
        () => `${server.name} is on timeline ${data.timeline}, ${primary.name} on ${timeline}`,
      );
      const isPrefix = data.records.every((record, position) => records[position] === record);
      this.demand(isPrefix, 'I-LOSS-2', () => `${server.name} holds other WAL than ${primary.name}`);
      for (const record of this.guaranteed)
        this.demand(
          data.holds(record),
          'I-LOSS-1',
          () => `${server.name} lacks the acknowledged ${describe(record)}`,
        );
    }
  }

  demand(condition: boolean, invariant: string, words: () => string): void {
    if (condition) return;
    this.world.fail(new Violation(invariant, words()));
  }

  /** Another node is granted a reign only when the old lease has ended by the clock of its holder. */
  reigns(epoch: number, primary: string | null): void {
    if (epoch <= this.epoch) return;
    this.epoch = epoch;
    if (this.mode !== 'async') return;
    for (const { name, remainingMs } of this.leases()) {
      const isOver = name === primary || remainingMs === null || remainingMs <= 0;
      this.demand(
        isOver,
        'I-LEASE-1',
        () => `epoch ${epoch} is granted to ${primary} while ${name} has ${remainingMs?.toFixed(0)} ms left`,
      );
    }
  }

  /** Without quorum commit only the lease keeps two primaries apart. A stopped machine cannot write. */
  private demandAlone(server: PostgresServer): void {
    for (const other of this.servers()) {
      const isApart = other === server || other.role !== 'primary' || other.isFrozen || other.isDying;
      this.demand(isApart, 'I-LEASE-1', () => `${server.name} becomes primary while ${other.name} still is`);
    }
  }
}

function has(records: WalRecord[], record: WalRecord): boolean {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.lsn ?? 0) < record.lsn) low = middle + 1;
    else high = middle;
  }
  return records[low] === record;
}

function describe(record: WalRecord): string {
  return `row ${record.value} (timeline ${record.timeline}, ${lsnText(record.lsn)})`;
}
