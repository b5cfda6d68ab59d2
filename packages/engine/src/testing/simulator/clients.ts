import type { ProposalOutcome, SimpleOutcome, ToWorker } from '../../raft/worker-protocol.ts';
import type { Auditor } from './auditor.ts';
import type { SimulatedHost } from './host.ts';
import type { Network } from './network.ts';
import type { World } from './world.ts';

const clientHost = 'clients';
const answerDeadlineMs = 1000;
/** Now and then a client loads data that it has not committed yet: WAL that nobody waits for. */
const bulkRate = 0.02;
const bulkRecordsMax = 300;
/** Now and then one gives up waiting for the standbys. */
const cancelRate = 0.01;
const cancelAfterMaxMs = 200;

/** Writes numbers through one node, one after another, whatever that node answers. */
export class Writer {
  private readonly world: World;
  private readonly network: Network;
  private readonly host: SimulatedHost;
  private readonly pauseMs: number;
  private readonly nextValue: () => number;
  private isStopped = false;
  /** Waits for the standbys that were given up. */
  cancelled = 0;

  constructor(parts: {
    world: World;
    network: Network;
    host: SimulatedHost;
    pauseMs: number;
    nextValue(): number;
  }) {
    this.world = parts.world;
    this.network = parts.network;
    this.host = parts.host;
    this.pauseMs = parts.pauseMs;
    this.nextValue = parts.nextValue;
  }

  start(): void {
    this.world.after(this.world.between(0, this.pauseMs), 'timer', () => this.write());
  }

  stop(): void {
    this.isStopped = true;
  }

  private write(): void {
    if (this.isStopped) return;
    const { host, world, network } = this;
    let isAnswered = false;
    const goOn = (pauseMs: number) => {
      if (isAnswered) return;
      isAnswered = true;
      world.after(pauseMs, 'timer', () => this.write());
    };
    const value = this.nextValue();
    world.after(network.delayMs(clientHost, host.name), 'client', () => {
      const { server } = host;
      if (!host.hasPower || server.isFrozen) return;
      if (world.chance(bulkRate)) server.bulk(Math.floor(world.between(1, bulkRecordsMax)));
      server.write(value, (outcome) => {
        world.after(network.delayMs(host.name, clientHost), 'client', () =>
          goOn(outcome.ok ? world.between(0, this.pauseMs) : 100),
        );
      });
      if (world.chance(cancelRate)) this.cancelLater(value);
    });
    world.after(answerDeadlineMs, 'timer', () => goOn(0));
  }

  private cancelLater(value: number): void {
    this.world.after(this.world.between(0, cancelAfterMaxMs), 'client', () => {
      if (this.host.server.cancelWait(value)) this.cancelled += 1;
    });
  }
}

/** Requests of the log's own clients have ids from here on; the daemon counts its own from 1. */
const firstRequestId = 1_000_000;
const requestDeadlineMs = 3000;

interface Pending {
  kind: 'append' | 'read';
  host: string;
  data: string;
  /** The newest entry that was acknowledged to anybody before this began. */
  floorIndex: number;
}

/**
 * Appends to and reads from the Raft log through every node, and checks that it behaves as one log: an append that is
 * acknowledged is there, once, after everything acknowledged before it began; a read sees at least that much.
 */
export class LogClient {
  appended = 0;
  reads = 0;
  private readonly world: World;
  private readonly auditor: Auditor;
  private readonly ports: Map<string, (message: ToWorker) => void>;
  private readonly hosts: readonly string[];
  private readonly pending = new Map<number, Pending>();
  private readonly told = new Map<string, number>();
  private requests = firstRequestId;
  private newestAcknowledged = 0;

  constructor(parts: {
    world: World;
    auditor: Auditor;
    ports: Map<string, (message: ToWorker) => void>;
    hosts: readonly string[];
  }) {
    this.world = parts.world;
    this.auditor = parts.auditor;
    this.ports = parts.ports;
    this.hosts = parts.hosts;
  }

  start(everyMs: number): void {
    this.world.after(this.world.between(0, 2 * everyMs), 'client', () => {
      this.ask();
      this.start(everyMs);
    });
  }

  /** How far a node's daemon has been told of committed entries. */
  committed(host: string, upTo: number): void {
    this.told.set(host, upTo);
  }

  /** @returns whether the answer was one of ours */
  answered(id: number, answer: ProposalOutcome | SimpleOutcome | object): boolean {
    if (id < firstRequestId) return false;
    const request = this.pending.get(id);
    this.pending.delete(id);
    if (!request || !('ok' in answer) || answer.ok !== true) return true;
    const { floorIndex, host, data } = request;
    if (request.kind === 'read') {
      this.reads += 1;
      const seen = this.told.get(host) ?? 0;
      this.auditor.demand(
        seen >= floorIndex,
        'I-RAFT-8',
        () => `${host} read up to entry ${seen}, but ${floorIndex} was acknowledged before`,
      );
      return true;
    }
    const { index, term } = answer as Extract<ProposalOutcome, { ok: true }>;
    this.appended += 1;
    this.auditor.demand(
      index > floorIndex,
      'I-RAFT-8',
      () => `entry ${index} was appended after ${floorIndex} had been acknowledged`,
    );
    const entry = this.auditor.entryAt(index) ?? `${term} ${data}`;
    this.auditor.demand(
      entry === `${term} ${data}`,
      'I-RAFT-8',
      () => `${host} acknowledged entry ${index}, which is ${entry}`,
    );
    this.newestAcknowledged = Math.max(this.newestAcknowledged, index);
    return true;
  }

  private ask(): void {
    const host = this.world.pick(this.hosts);
    const port = this.ports.get(host);
    if (!port) return;
    this.requests += 1;
    const id = this.requests;
    const kind = this.world.chance(0.5) ? 'append' : 'read';
    const command = { kind: 'note', severity: 'info', event: 'test', node: null, message: `request ${id}` };
    const data = JSON.stringify({ version: 1, atMs: 0, command });
    this.pending.set(id, { kind, host, data, floorIndex: this.newestAcknowledged });
    const deadlineMs = requestDeadlineMs;
    if (kind === 'append') port({ type: 'request', id, request: { type: 'propose', data, deadlineMs } });
    else port({ type: 'request', id, request: { type: 'confirm', deadlineMs } });
  }
}
