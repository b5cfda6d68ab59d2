import type { Random } from '../../shared/random.ts';
import { seededRandom } from '../../shared/random.ts';
import type { CoreProposal } from '../core.ts';
import type { Entry, Message, PersistedState, RaftPeer, RaftTiming } from '../types.ts';
import { defaultTiming } from '../types.ts';
import { ModelDisk, type NodeDisk } from './node-disk.ts';
import { InvariantRecorder } from './recorder.ts';
import { SimulatedNode } from './simulated-node.ts';

/** How a link treats a message. Different delays of two messages reorder them. */
export interface LinkQuality {
  dropRate: number;
  duplicateRate: number;
  delayMinMs: number;
  delayMaxMs: number;
}

export const goodLink: LinkQuality = { dropRate: 0, duplicateRate: 0, delayMinMs: 1, delayMaxMs: 5 };

export interface NetworkOptions {
  seed: number;
  /** How many voters found the group, with ids from 1 on. */
  voters: number;
  timing?: RaftTiming;
  diskOf?(id: number, state: PersistedState): NodeDisk;
}

const tickEveryMs = 50;

interface Delivery {
  atMs: number;
  message: Message;
}

export function peerOf(id: number): Omit<RaftPeer, 'role'> {
  return { id, name: `node${id}`, host: '127.0.0.1', port: 7000 + id };
}

/** A group of Raft cores in virtual time: the same seed and the same calls give the same run. */
export class SimulatedNetwork {
  readonly nodes = new Map<number, SimulatedNode>();
  readonly recorder = new InvariantRecorder(this.nodes);
  quality = goodLink;
  nowMs = 0;
  /** Sees every message that leaves; false loses it. */
  filter: (message: Message) => boolean = () => true;
  private readonly options: NetworkOptions;
  private readonly random: Random;
  private readonly cutLinks = new Set<string>();
  private readonly qualities = new Map<string, LinkQuality>();
  private deliveries: Delivery[] = [];
  private nextTickMs = tickEveryMs;

  constructor(options: NetworkOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    const ids = Array.from({ length: options.voters }, (_, position) => position + 1);
    const peers = ids.map((id): RaftPeer => ({ ...peerOf(id), role: 'voter' }));
    const entries: Entry[] = [{ index: 1, term: 1, kind: 'configuration', peers }];
    this.recorder.founded(entries);
    for (const id of ids) this.addNode(id, { hardState: { term: 1, vote: 0, commit: 1 }, entries });
  }

  /** A node without `state` is new: it waits until a leader tells it something. */
  addNode(id: number, state?: Omit<PersistedState, 'snapshot'>): SimulatedNode {
    const empty = { hardState: { term: 0, vote: 0, commit: 0 }, entries: [] };
    const persisted: PersistedState = { ...(state ?? empty), snapshot: null };
    const { seed, timing = defaultTiming, diskOf } = this.options;
    const disk = diskOf?.(id, persisted) ?? new ModelDisk(persisted);
    const send = (message: Message): void => this.accept(message);
    const node = new SimulatedNode({ id, seed, timing, disk, recorder: this.recorder, send });
    this.nodes.set(id, node);
    node.start(this.nowMs);
    return node;
  }

  node(id: number): SimulatedNode {
    const node = this.nodes.get(id);
    if (!node) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** The leader of the newest term, if there is one. */
  get leader(): SimulatedNode | null {
    const leaders = [...this.nodes.values()].filter((node) => node.isLeader);
    return leaders.sort((a, b) => (b.core?.term ?? 0) - (a.core?.term ?? 0))[0] ?? null;
  }

  propose(id: number, data: string): CoreProposal | undefined {
    return this.node(id).act((core) => core.propose(data, this.nowMs));
  }

  crash(id: number): void {
    this.node(id).crash();
  }

  restart(id: number): void {
    this.node(id).start(this.nowMs);
  }

  /** One direction only. */
  cut(from: number, to: number): void {
    this.cutLinks.add(`${from}>${to}`);
  }

  /** Nodes of different groups lose each other in both directions; a node that is not named is alone. */
  partition(...groups: number[][]): void {
    this.cutLinks.clear();
    const groupOf = (id: number): number => groups.findIndex((group) => group.includes(id));
    for (const from of this.nodes.keys()) {
      for (const to of this.nodes.keys()) {
        if (groupOf(from) !== groupOf(to) || groupOf(from) === -1) this.cut(from, to);
      }
    }
  }

  isolate(id: number): void {
    for (const other of this.nodes.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  setLink(from: number, to: number, quality: LinkQuality): void {
    this.qualities.set(`${from}>${to}`, quality);
  }

  heal(): void {
    this.cutLinks.clear();
    this.qualities.clear();
    this.quality = goodLink;
    this.filter = () => true;
  }

  /** Lets virtual time pass: deliveries and ticks happen in its order. */
  advance(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const next = this.deliveries.at(-1);
      const deliveryMs = next?.atMs ?? Number.POSITIVE_INFINITY;
      if (Math.min(deliveryMs, this.nextTickMs) > untilMs) break;
      if (deliveryMs <= this.nextTickMs) this.deliverNext();
      else this.tickAll();
    }
    this.nowMs = untilMs;
  }

  /** @throws when the condition does not come true within `limitMs` of virtual time */
  runUntil(what: string, condition: () => boolean, limitMs = 20_000): void {
    const endMs = this.nowMs + limitMs;
    while (!condition()) {
      if (this.nowMs >= endMs) throw new Error(`not within ${limitMs} ms: ${what}\n${this.describe()}`);
      this.advance(5);
    }
  }

  /** Runs until some node leads and has committed an entry of its term. */
  runUntilLed(by?: number): SimulatedNode {
    const isLed = (): boolean => {
      const status = this.leader?.core?.status();
      return !!status && status.leaderSinceMs !== null && (by === undefined || this.leader?.id === by);
    };
    this.runUntil(by === undefined ? 'a leader' : `node ${by} leads`, isLed);
    return this.leader ?? this.node(by ?? 1);
  }

  describe(): string {
    const lines = [...this.nodes.values()].map((node) => {
      const status = node.core?.status();
      if (!status) return `node ${node.id}: down`;
      const { role, term, lastIndex, commitIndex, configuration } = status;
      const members = configuration.map((peer) => `${peer.id}${peer.role === 'voter' ? '' : ' (learner)'}`);
      const log = `log to ${lastIndex}, committed to ${commitIndex}, members ${members.join(', ')}`;
      return `node ${node.id}: ${role} of term ${term}, ${log}`;
    });
    return [`at ${this.nowMs} ms`, ...lines].join('\n');
  }

  private accept(message: Message): void {
    if (!this.filter(message) || this.isCut(message)) return;
    const link = this.qualities.get(`${message.from}>${message.to}`) ?? this.quality;
    if (this.random() < link.dropRate) return;
    this.enqueue(message, link);
    if (this.random() < link.duplicateRate) this.enqueue(message, link);
  }

  private enqueue(message: Message, { delayMinMs, delayMaxMs }: LinkQuality): void {
    const atMs = this.nowMs + delayMinMs + this.random() * (delayMaxMs - delayMinMs);
    const delivery: Delivery = { atMs, message };
    let position = this.deliveries.length;
    while (position > 0 && (this.deliveries[position - 1]?.atMs ?? 0) <= atMs) position -= 1;
    this.deliveries.splice(position, 0, delivery);
  }

  private deliverNext(): void {
    const delivery = this.deliveries.pop();
    if (!delivery) return;
    const { message, atMs } = delivery;
    this.nowMs = atMs;
    if (!this.isCut(message)) this.nodes.get(message.to)?.act((core) => core.step(message, this.nowMs));
  }

  private tickAll(): void {
    this.nowMs = this.nextTickMs;
    this.nextTickMs += tickEveryMs;
    for (const node of this.nodes.values()) node.act((core) => core.tick(this.nowMs));
  }

  private isCut({ from, to }: Message): boolean {
    return this.cutLinks.has(`${from}>${to}`);
  }
}
