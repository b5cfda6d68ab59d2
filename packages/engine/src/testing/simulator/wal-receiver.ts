import { Pipe } from './network.ts';
import type { Receiver, ReplicatingServer, ReplicationMessage, Sender } from './replicating-server.ts';
import { WalSender } from './wal-sender.ts';

const retryEveryMs = 100;
const silenceMaxMs = 5000;

/** The receiving end on a standby: connects, writes, flushes, acknowledges; ends when it is told to, not at once. */
export class WalReceiver implements Receiver {
  readonly server: ReplicatingServer;
  readonly upstream: string;
  status: 'connecting' | 'streaming' = 'connecting';
  /** Told to end; what it has in hand it still flushes and acknowledges. */
  private isStopping = false;
  private isDead = false;
  private sender: Sender | null = null;
  private acknowledgements: Pipe | null = null;
  private heardAtMs = 0;
  private readonly inbox: { sender: Sender; message: ReplicationMessage }[] = [];

  constructor(server: ReplicatingServer, upstream: string) {
    this.server = server;
    this.upstream = upstream;
    this.connect();
    this.watch();
  }

  get isGone(): boolean {
    return this.isDead;
  }

  /** The configuration names no upstream any more: the process ends soon, later when it waits for its disk. */
  stop(): void {
    if (this.isStopping || this.isDead) return;
    this.isStopping = true;
    const { world, disk } = this.server.parts;
    const busyMs = this.hasUnflushed() ? disk.syncMs() : 0;
    this.server.later(world.between(2, 70) + busyMs, 'timer', () => this.die());
  }

  die(): void {
    if (this.isDead) return;
    this.isDead = true;
    if (this.acknowledgements) this.acknowledgements.isClosed = true;
    const { sender, upstream } = this;
    this.sender = null;
    if (sender) this.server.parts.network.datagram(this.server.name, upstream, () => sender.close());
    if (this.server.receiver !== this) return;
    this.server.receiver = null;
    this.server.receiverGone();
  }

  receive(sender: Sender, message: ReplicationMessage): void {
    if (this.isDead || sender !== this.sender) return;
    this.inbox.push({ sender, message });
    this.readInbox();
  }

  /** In order; what comes in while the server is frozen waits for it. */
  private readInbox(): void {
    for (;;) {
      if (this.inbox.length === 0 || this.isDead || !this.server.isUp) return;
      if (this.server.isFrozen) {
        this.server.later(0, 'timer', () => this.readInbox());
        return;
      }
      const next = this.inbox.shift();
      if (next && next.sender === this.sender) this.read(next.message);
    }
  }

  private read(message: ReplicationMessage): void {
    this.heardAtMs = this.server.parts.world.nowMs;
    const { data } = this.server.parts;
    if (message.kind === 'switch') {
      if (data.timeline < message.fork.timeline && data.endLsn === message.fork.forkLsn)
        data.switchTo(message.fork);
    } else if (message.kind === 'wal') {
      for (const record of message.records) if (record.lsn > data.endLsn) data.append(record);
      if (this.server.acknowledgesUnflushed) this.acknowledge(data.endLsn);
      this.server.flush();
    } else this.report();
  }

  /** Tells the upstream how far this standby's WAL is on disk. */
  report(): void {
    if (!this.isDead && this.sender) this.acknowledge(this.server.parts.data.flushedLsn);
  }

  disconnected(sender: Sender): void {
    if (this.sender !== sender || this.isDead) return;
    this.sender = null;
    this.status = 'connecting';
    if (this.acknowledgements) this.acknowledgements.isClosed = true;
    this.connectLater();
  }

  private acknowledge(lsn: number): void {
    const { sender } = this;
    this.server.acknowledgesWal(lsn);
    this.acknowledgements?.send(() => sender?.heard(lsn));
  }

  private hasUnflushed(): boolean {
    const { data } = this.server.parts;
    return data.flushedCount < data.records.length;
  }

  private connectLater(): void {
    this.server.later(retryEveryMs, 'timer', () => this.connect());
  }

  private connect(): void {
    if (this.isDead || this.isStopping || this.sender) return;
    const { network, name, serverOf } = this.server.parts;
    let isAnswered = false;
    network.datagram(name, this.upstream, () => {
      const upstream = serverOf(this.upstream);
      if (!upstream?.isUp || upstream.isFrozen || this.isDead || this.isStopping) return;
      isAnswered = true;
      this.accept(upstream);
    });
    this.server.later(retryEveryMs, 'timer', () => {
      if (!isAnswered) this.connect();
    });
  }

  /** START_REPLICATION: refused when this standby's WAL is no prefix of the upstream's. */
  private accept(upstream: ReplicatingServer): void {
    const { world, network, name, data } = this.server.parts;
    const theirs = upstream.parts.data;
    const forkLsn = theirs.forkOf(data.timeline);
    const limitLsn = forkLsn === null ? theirs.flushedLsn : forkLsn;
    if (limitLsn === undefined || data.endLsn > limitLsn) {
      // The histories come first, so the next start knows them.
      if (theirs.timeline > data.timeline)
        data.met = { timeline: theirs.timeline, history: [...theirs.history] };
      this.connectLater();
      return;
    }
    upstream.senders.get(name)?.close();
    const sender = new WalSender(upstream, this, { timeline: data.timeline, lsn: data.endLsn });
    this.sender = sender;
    this.status = 'streaming';
    this.heardAtMs = world.nowMs;
    this.acknowledgements = new Pipe(world, network, { from: name, to: this.upstream });
    upstream.senders.set(name, sender);
    sender.push();
    this.report();
  }

  private watch(): void {
    this.server.later(1000, 'timer', () => {
      if (this.isDead) return;
      const { sender } = this;
      if (sender && this.server.parts.world.nowMs - this.heardAtMs > silenceMaxMs) this.disconnected(sender);
      else this.report();
      this.watch();
    });
  }
}
