import { Pipe } from './network.ts';
import type { Receiver, ReplicatingServer, ReplicationMessage, Sender } from './replicating-server.ts';

const keepaliveEveryMs = 1000;
const senderTimeoutMs = 5000;
const batchRecordsMax = 50;

/** The sending end of one standby's replication connection. */
export class WalSender implements Sender {
  /** What the standby has said it has flushed. */
  confirmedLsn = 0;
  readonly standby: string;
  private readonly server: ReplicatingServer;
  private readonly receiver: Receiver;
  private readonly pipe: Pipe;
  private sentTimeline: number;
  private sentLsn: number;
  private heardAtMs: number;

  constructor(server: ReplicatingServer, receiver: Receiver, start: { timeline: number; lsn: number }) {
    const { world, network, name } = server.parts;
    this.server = server;
    this.receiver = receiver;
    this.standby = receiver.server.name;
    this.sentTimeline = start.timeline;
    this.sentLsn = start.lsn;
    this.heardAtMs = world.nowMs;
    this.pipe = new Pipe(world, network, { from: name, to: this.standby });
    this.keepAlive();
  }

  /** Sends what is flushed and not sent yet, and the switch to a newer timeline where it lies. */
  push(): void {
    const { data } = this.server.parts;
    for (;;) {
      const forkLsn = data.forkOf(this.sentTimeline);
      const limitLsn = forkLsn ?? data.flushedLsn;
      const first = data.firstAfter(this.sentLsn);
      const records = data.records.slice(first, first + batchRecordsMax).filter(({ lsn }) => lsn <= limitLsn);
      const last = records.at(-1);
      if (last) {
        this.sentLsn = last.lsn;
        this.send({ kind: 'wal', records });
        continue;
      }
      const next = data.history.find(({ parentId }) => parentId === this.sentTimeline);
      if (!next || this.sentLsn < next.forkLsn) return;
      this.sentTimeline = next.timeline;
      this.send({ kind: 'switch', fork: next });
    }
  }

  /** The standby's answer: it has flushed up to here. */
  heard(flushedLsn: number): void {
    if (this.server.isFrozen) {
      this.server.later(0, 'timer', () => this.heard(flushedLsn));
      return;
    }
    this.heardAtMs = this.server.parts.world.nowMs;
    if (this.pipe.isClosed) return;
    this.confirmedLsn = Math.max(this.confirmedLsn, flushedLsn);
    this.server.release();
  }

  close(): void {
    if (this.pipe.isClosed) return;
    this.pipe.isClosed = true;
    const { world, network, name } = this.server.parts;
    // The reset reaches the other end, if anything does.
    network.datagram(name, this.standby, () => this.receiver.disconnected(this));
    if (this.server.senders.get(this.standby) === this) this.server.senders.delete(this.standby);
    world.note(`${name}: replication connection of ${this.standby} ends`);
  }

  private send(message: ReplicationMessage): void {
    this.pipe.send(() => this.receiver.receive(this, message));
  }

  private keepAlive(): void {
    this.server.later(keepaliveEveryMs, 'timer', () => {
      if (this.pipe.isClosed) return;
      if (this.server.parts.world.nowMs - this.heardAtMs > senderTimeoutMs) return this.close();
      this.send({ kind: 'keepalive' });
      this.keepAlive();
    });
  }
}
