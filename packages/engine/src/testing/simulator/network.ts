import type { EventKind, World } from './world.ts';

/** How the links between hosts treat what is sent over them. */
export interface LinkQuality {
  delayMinMs: number;
  delayMaxMs: number;
  /** Datagrams only; a stream delivers what is lost a little later, as TCP does. */
  lossRate: number;
  duplicateRate: number;
}

export const goodLinks: LinkQuality = { delayMinMs: 0.1, delayMaxMs: 2, lossRate: 0, duplicateRate: 0 };

const retransmitMs = 200;

/** Links between hosts, each direction apart. */
export class Network {
  quality = goodLinks;
  readonly world: World;
  private readonly cuts = new Map<string, number>();
  private readonly extraMs = new Map<string, number>();

  constructor(world: World) {
    this.world = world;
  }

  /** Cuts add up: a link is whole again when every one of them has ended. */
  cut(from: string, to: string): () => void {
    const key = `${from}>${to}`;
    this.cuts.set(key, (this.cuts.get(key) ?? 0) + 1);
    let isCut = true;
    return () => {
      if (!isCut) return;
      isCut = false;
      this.cuts.set(key, (this.cuts.get(key) ?? 1) - 1);
    };
  }

  /** Everything on this link takes so much longer. */
  slow(from: string, to: string, extraMs: number): () => void {
    const key = `${from}>${to}`;
    this.extraMs.set(key, extraMs);
    return () => this.extraMs.delete(key);
  }

  heal(): void {
    this.cuts.clear();
    this.extraMs.clear();
    this.quality = goodLinks;
  }

  isCut(from: string, to: string): boolean {
    return from !== to && (this.cuts.get(`${from}>${to}`) ?? 0) > 0;
  }

  delayMs(from: string, to: string): number {
    if (from === to) return this.world.between(0.02, 0.2);
    const extraMs = this.extraMs.get(`${from}>${to}`) ?? 0;
    return extraMs + this.world.between(this.quality.delayMinMs, this.quality.delayMaxMs);
  }

  /** May be lost, doubled or overtaken. */
  datagram(from: string, to: string, arrive: () => void): void {
    if (from !== to && this.world.chance(this.quality.lossRate)) return;
    const copies = from !== to && this.world.chance(this.quality.duplicateRate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.world.after(this.delayMs(from, to), 'delivery', () => {
        if (!this.isCut(from, to)) arrive();
      });
    }
  }
}

/** One direction of a connection: in order, nothing lost while both ends live; held up while the link is cut. */
export class Pipe {
  isClosed = false;
  private readonly world: World;
  private readonly network: Network;
  private readonly ends: { from: string; to: string };
  private readonly waiting: { kind: EventKind; arrive(): void; atMs: number }[] = [];
  private isMoving = false;

  constructor(world: World, network: Network, ends: { from: string; to: string }) {
    this.world = world;
    this.network = network;
    this.ends = ends;
  }

  send(arrive: () => void): void {
    if (this.isClosed) return;
    const { from, to } = this.ends;
    const isLost = from !== to && this.world.chance(this.network.quality.lossRate);
    const delayMs = this.network.delayMs(from, to) + (isLost ? retransmitMs : 0);
    this.waiting.push({ kind: 'delivery', arrive, atMs: this.world.nowMs + delayMs });
    this.move();
  }

  private move(): void {
    const next = this.waiting[0];
    if (this.isMoving || !next) return;
    this.isMoving = true;
    this.world.after(next.atMs - this.world.nowMs, next.kind, () => {
      this.isMoving = false;
      if (this.isClosed) return;
      if (this.network.isCut(this.ends.from, this.ends.to)) {
        next.atMs = this.world.nowMs + retransmitMs;
      } else {
        this.waiting.shift();
        next.arrive();
      }
      this.move();
    });
  }
}
