import type { RaftCore } from '../core.ts';
import type { LinkQuality } from './network.ts';
import { peerOf, type SimulatedNetwork } from './network.ts';
import { InvariantViolation } from './recorder.ts';
import type { CrashPoint, SimulatedNode } from './simulated-node.ts';

/** One thing that happens to a group. `node` picks one of the nodes there are, whatever their number. */
export type Happening =
  | { kind: 'propose-to-leader' | 'snapshot' | 'crash' | 'restart' | 'isolate' | 'transfer'; node: number }
  | { kind: 'propose' | 'read' | 'add' | 'promote' | 'remove' | 'fit' | 'unfit'; node: number }
  | { kind: 'cut'; node: number; to: number }
  | { kind: 'crash-at'; node: number; point: CrashPoint }
  | { kind: 'lose-power-in-write'; node: number; operations: number }
  | { kind: 'partition'; side: number }
  | { kind: 'links'; quality: LinkQuality }
  | { kind: 'heal' };

export interface ScheduledHappening {
  happening: Happening;
  /** How much virtual time passes afterwards. */
  thenMs: number;
}

const nodesMax = 8;
const keptEntries = 3;
const convergenceLimitMs = 60_000;

/** Plays a schedule against a group, lets it heal and demands that everybody agrees in the end. */
export class SchedulePlayer {
  private readonly network: SimulatedNetwork;
  private readonly committedAtRead = new Map<number, number>();
  private proposals = 0;

  constructor(network: SimulatedNetwork) {
    this.network = network;
  }

  play(schedule: readonly ScheduledHappening[]): void {
    for (const { happening, thenMs } of schedule) {
      this.happen(happening);
      this.network.advance(thenMs);
      this.checkReads();
    }
    this.converge();
  }

  private happen(happening: Happening): void {
    const { network } = this;
    switch (happening.kind) {
      case 'partition':
        network.partition(...this.halves(happening.side));
        break;
      case 'links':
        network.quality = happening.quality;
        break;
      case 'heal':
        network.heal();
        break;
      case 'cut':
        network.cut(this.pick(happening.node).id, this.pick(happening.to).id);
        break;
      case 'crash-at':
        this.pick(happening.node).crashAt = happening.point;
        break;
      case 'lose-power-in-write':
        this.pick(happening.node).losePowerAfter(happening.operations);
        break;
      default:
        this.happenTo(this.pick(happening.node), happening.kind);
    }
  }

  private happenTo(
    node: SimulatedNode,
    kind: Extract<Happening, { node: number; to?: never }>['kind'],
  ): void {
    const { network } = this;
    switch (kind) {
      case 'propose':
        this.propose(node);
        break;
      case 'propose-to-leader':
        if (network.leader) this.propose(network.leader);
        break;
      case 'snapshot':
        node.keepSnapshot(keptEntries);
        break;
      case 'crash':
        node.crash();
        break;
      case 'restart':
        node.start(network.nowMs);
        break;
      case 'isolate':
        network.isolate(node.id);
        break;
      case 'read':
        this.read(node);
        break;
      case 'transfer':
        this.onLeader((leader) => leader.transferTo(node.id, network.nowMs));
        break;
      case 'fit':
      case 'unfit':
        node.act((core) => core.setMayLead(kind === 'fit', network.nowMs));
        break;
      case 'add':
        this.add();
        break;
      case 'promote':
        this.promote();
        break;
      case 'remove':
        this.onLeader((leader) => leader.proposeConfiguration({ kind, id: node.id }, network.nowMs));
        break;
    }
  }

  /** An id is never used twice. */
  private add(): void {
    const { network } = this;
    const id = network.nodes.size + 1;
    if (id > nodesMax || !network.leader) return;
    network.addNode(id);
    const change = { kind: 'add-learner', peer: peerOf(id) } as const;
    this.onLeader((leader) => leader.proposeConfiguration(change, network.nowMs));
  }

  private promote(): void {
    this.onLeader((leader) => {
      const learner = leader.log.configuration.find(({ role }) => role === 'learner');
      if (learner) leader.proposeConfiguration({ kind: 'promote', id: learner.id }, this.network.nowMs);
    });
  }

  private propose(node: SimulatedNode): void {
    this.proposals += 1;
    this.network.propose(node.id, `command ${this.proposals}`);
  }

  private read(node: SimulatedNode): void {
    const id = this.committedAtRead.size + 1;
    this.committedAtRead.set(id, this.network.recorder.committedIndex);
    node.act((core) => core.requestRead(id, this.network.nowMs));
  }

  /** A confirmed read sees everything that was committed when it was asked for (Raft thesis §6.4). */
  private checkReads(): void {
    for (const node of this.network.nodes.values()) {
      for (const { id, index } of node.reads) {
        const committed = this.committedAtRead.get(id) ?? 0;
        if (index < committed)
          throw new InvariantViolation('I-RAFT-3', `read ${id} saw ${index}, not the committed ${committed}`);
      }
      node.reads = [];
    }
  }

  private converge(): void {
    const { network } = this;
    network.heal();
    for (const node of network.nodes.values()) {
      node.crashAt = null;
      node.losePowerAfter(Number.POSITIVE_INFINITY);
      node.start(network.nowMs);
      node.act((core) => core.setMayLead(true, network.nowMs));
    }
    const expected = network.recorder.committedIndex;
    network.runUntil('a new proposal is committed', this.untilCommitted(), convergenceLimitMs);
    network.runUntil('all members apply the same', () => this.isEverybodyEqual(), convergenceLimitMs);
    for (const node of this.members()) {
      if (node.appliedIndex < expected)
        throw new InvariantViolation('I-RAFT-3', `node ${node.id} lost committed entries up to ${expected}`);
    }
    network.recorder.compareLogs();
  }

  /** Proposes as a client does: again when the leader that took the proposal has been replaced. */
  private untilCommitted(): () => boolean {
    let proposed: { index: number; term: number } | null = null;
    return () => {
      const { leader, recorder } = this.network;
      if (proposed && recorder.isCommitted(proposed.index, proposed.term)) return true;
      if (leader && leader.core?.term !== proposed?.term) {
        const outcome = this.network.propose(leader.id, 'the last one');
        proposed = outcome?.ok ? outcome : null;
      }
      return false;
    };
  }

  private isEverybodyEqual(): boolean {
    const members = this.members();
    const { committedIndex } = this.network.recorder;
    return members.length > 0 && members.every((node) => node.appliedIndex === committedIndex);
  }

  private members(): SimulatedNode[] {
    const configuration = this.network.leader?.core?.log.configuration ?? [];
    return configuration.map(({ id }) => this.network.node(id));
  }

  private onLeader(request: (core: RaftCore) => void): void {
    this.network.leader?.act(request);
  }

  private halves(side: number): number[][] {
    const ids = [...this.network.nodes.keys()];
    const isOnSide = (id: number): boolean => ((side >> (id - 1)) & 1) === 1;
    return [ids.filter(isOnSide), ids.filter((id) => !isOnSide(id))];
  }

  private pick(choice: number): SimulatedNode {
    return this.network.node((choice % this.network.nodes.size) + 1);
  }
}
