import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { encodeFrame, FrameReader, type HelloFrame } from './frames.ts';
import type { PeerAddress } from './types.ts';

export interface PeerLinkOptions {
  address: PeerAddress;
  hello: HelloFrame;
  tls: { ca: string; cert: string; key: string };
  logger: Logger;
}

const connectDeadlineMs = 2000;
const pingEveryMs = 500;
/** TCP alone would take minutes to notice a healed partition: its retransmissions back off. */
const pongDeadlineMs = 2000;
const backoffMinMs = 50;
const backoffMaxMs = 500;
const bufferedBytesMax = 16 * 1024 * 1024;

/** One outgoing connection to one peer, dialled again for as long as it is wanted. */
export class PeerLink {
  private readonly options: PeerLinkOptions;
  private socket: TLSSocket | null = null;
  private isOpen = false;
  private backoffMs = backoffMinMs;
  private redial: NodeJS.Timeout | null = null;
  private isClosed = false;
  private answeredAtMs: number | null = null;

  constructor(options: PeerLinkOptions) {
    this.options = options;
    this.dial();
  }

  leadsTo(address: PeerAddress): boolean {
    const { name, host, port } = this.options.address;
    return name === address.name && host === address.host && port === address.port;
  }

  /** Drops the frame when the peer is not connected or does not keep up. */
  send(frame: Buffer): void {
    const { socket } = this;
    if (!socket || !this.isOpen || socket.writableLength > bufferedBytesMax) return;
    socket.write(frame);
  }

  /** CLOCK_MONOTONIC ms of the peer's last answer; null when it has never answered. */
  lastAnswerMs(): number | null {
    return this.answeredAtMs;
  }

  close(): void {
    this.isClosed = true;
    if (this.redial) clearTimeout(this.redial);
    this.socket?.destroy();
  }

  private dial(): void {
    const { address, tls, hello } = this.options;
    this.redial = null;
    const socket = connect({
      ...tls,
      host: address.host,
      port: address.port,
      minVersion: 'TLSv1.3',
      // Hosts are known by the name in their certificate, wherever they live.
      checkServerIdentity: (_host, certificate) => {
        if (certificate.subject.CN === address.name) return undefined;
        return new Error(`expected ${address.name}, found ${certificate.subject.CN}`);
      },
    });
    this.socket = socket;
    const connectTimer = setTimeout(
      () => socket.destroy(new Error('no connection in time')),
      connectDeadlineMs,
    );
    socket.setNoDelay(true);
    socket.once('secureConnect', () => {
      clearTimeout(connectTimer);
      this.isOpen = true;
      this.backoffMs = backoffMinMs;
      this.answeredAtMs = systemClock.monotonicMs();
      socket.write(encodeFrame(hello));
      this.watch(socket);
    });
    socket.on('error', (error) => {
      this.options.logger.debug(
        { peer: address.name, error: messageOf(error) },
        'the Raft connection to a peer broke',
      );
    });
    socket.once('close', () => {
      clearTimeout(connectTimer);
      this.isOpen = false;
      this.dialAgainLater();
    });
  }

  private dialAgainLater(): void {
    if (this.isClosed) return;
    // Jitter, so that peers of a restarted node do not arrive in step.
    const delayMs = this.backoffMs * (0.5 + Math.random() / 2);
    this.backoffMs = Math.min(backoffMaxMs, this.backoffMs * 2);
    this.redial = setTimeout(() => this.dial(), delayMs);
  }

  private watch(socket: TLSSocket): void {
    const reader = new FrameReader();
    let sequence = 0;
    let answeredAtMs = systemClock.monotonicMs();
    let lastLookMs = answeredAtMs;
    socket.on('data', (piece: Buffer) => {
      try {
        if (!reader.push(piece).some((frame) => frame.kind === 'pong')) return;
        answeredAtMs = systemClock.monotonicMs();
        this.answeredAtMs = answeredAtMs;
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    const timer = setInterval(() => {
      const nowMs = systemClock.monotonicMs();
      // After a pause of this very process the answers may still wait in the socket.
      if (nowMs - lastLookMs > 2 * pingEveryMs) answeredAtMs = nowMs;
      lastLookMs = nowMs;
      if (nowMs - answeredAtMs > pongDeadlineMs) socket.destroy(new Error('the peer does not answer'));
      sequence += 1;
      if (!socket.destroyed) socket.write(encodeFrame({ kind: 'ping', sequence }));
    }, pingEveryMs);
    socket.once('close', () => clearInterval(timer));
  }
}
