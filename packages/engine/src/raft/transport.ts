import { createServer, type Server, type TLSSocket } from 'node:tls';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { encodeFrame, FrameReader, type HelloFrame, type PayloadFrame } from './frames.ts';
import { PeerLink } from './peer-link.ts';
import type { PeerAddress } from './types.ts';

export interface TransportOptions {
  clusterId: string;
  self: PeerAddress;
  version: string;
  listenHost: string;
  tls: { ca: string; cert: string; key: string };
  logger: Logger;
  onFrame(from: PeerAddress, frame: PayloadFrame): void;
}

const helloDeadlineMs = 5000;
const silenceMsMax = 10_000;
const inboundMax = 256;
const authentication = { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true } as const;

/**
 * Raft's own connections: every node dials every other and sends on what it dialled, over mutual TLS 1.3. Loss is no
 * error here (Raft repeats itself), so nothing is queued for a peer that cannot be reached.
 */
export class Transport {
  private readonly options: TransportOptions;
  private readonly links = new Map<number, PeerLink>();
  /** Peers that said hello but are in no configuration we know: a joining node answers its leader this way. */
  private readonly visitors = new Map<number, PeerAddress>();
  private readonly inbound = new Set<TLSSocket>();
  private members: readonly PeerAddress[] = [];
  private server: Server | null = null;

  constructor(options: TransportOptions) {
    this.options = options;
  }

  /** @throws QuantaError CONFIG_INVALID when the port cannot be had */
  async listen(): Promise<void> {
    const { listenHost, self } = this.options;
    const server = createServer({ ...this.options.tls, ...authentication });
    server.maxConnections = inboundMax;
    server.on('secureConnection', (socket) => this.accept(socket));
    server.on('tlsClientError', (error) => {
      this.options.logger.debug({ error: messageOf(error) }, 'a Raft connection was refused');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(self.port, listenHost, resolve);
    }).catch((error: unknown) => {
      throw new QuantaError(
        'CONFIG_INVALID',
        `the Raft port ${listenHost}:${self.port} cannot be used: ${messageOf(error)}`,
        {
          cause: error,
          hint: 'End what uses the port, or give this host another Raft port.',
        },
      );
    });
    this.server = server;
  }

  /** After a renewal: for every connection that begins from now on. Those that stand are not touched. */
  useCertificate(tls: TransportOptions['tls']): void {
    // The links dial with this very object.
    Object.assign(this.options.tls, tls);
    this.server?.setSecureContext({ ...tls, ...authentication });
  }

  /** The members to keep connections to; others are dropped, except visitors. */
  setMembers(members: readonly PeerAddress[]): void {
    this.members = members.filter((member) => member.id !== this.options.self.id);
    for (const member of this.members) {
      this.visitors.delete(member.id);
      this.link(member);
    }
    for (const [id, link] of this.links) {
      if (this.addressOf(id)) continue;
      link.close();
      this.links.delete(id);
    }
  }

  send(to: number, frame: PayloadFrame): void {
    this.links.get(to)?.send(encodeFrame(frame));
  }

  /** When each member last answered on the connection that this node dialled. */
  lastAnswers(): { id: number; atMs: number | null }[] {
    return this.members.map(({ id }) => ({ id, atMs: this.links.get(id)?.lastAnswerMs() ?? null }));
  }

  async close(): Promise<void> {
    for (const link of this.links.values()) link.close();
    this.links.clear();
    for (const socket of this.inbound) socket.destroy();
    const { server } = this;
    this.server = null;
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  private addressOf(id: number): PeerAddress | undefined {
    return this.members.find((member) => member.id === id) ?? this.visitors.get(id);
  }

  private link(address: PeerAddress): void {
    const known = this.links.get(address.id);
    if (known?.leadsTo(address)) return;
    known?.close();
    const { clusterId, self, version, tls, logger } = this.options;
    const hello: HelloFrame = { kind: 'hello', clusterId, from: self, version };
    this.links.set(address.id, new PeerLink({ address, hello, tls, logger }));
  }

  private accept(socket: TLSSocket): void {
    this.inbound.add(socket);
    socket.setNoDelay(true);
    const reader = new FrameReader();
    let from: PeerAddress | null = null;
    const helloTimer = setTimeout(() => socket.destroy(), helloDeadlineMs);
    socket.setTimeout(silenceMsMax, () => socket.destroy());
    socket.on('error', (error) =>
      this.options.logger.debug({ error: messageOf(error) }, 'a Raft connection broke'),
    );
    socket.on('close', () => {
      clearTimeout(helloTimer);
      this.inbound.delete(socket);
    });
    socket.on('data', (piece: Buffer) => {
      try {
        for (const frame of reader.push(piece)) {
          if (frame.kind === 'hello') {
            from = this.welcome(frame, socket);
            clearTimeout(helloTimer);
          } else if (!from) throw new QuantaError('PROTOCOL_VIOLATION', 'a frame before hello');
          else if (frame.kind === 'ping')
            socket.write(encodeFrame({ kind: 'pong', sequence: frame.sequence }));
          else if (frame.kind !== 'pong') this.options.onFrame(from, frame);
        }
      } catch (error) {
        this.options.logger.warn(
          { peer: from?.name, error: messageOf(error) },
          'a Raft connection is closed',
        );
        socket.destroy();
      }
    });
  }

  /** Checks that the certificate, the name and the member belong together. */
  private welcome(hello: HelloFrame, socket: TLSSocket): PeerAddress {
    const { from } = hello;
    const commonName = socket.getPeerCertificate().subject?.CN;
    if (commonName !== from.name) {
      throw new QuantaError(
        'UNAUTHORIZED',
        `the certificate of ${String(commonName)} says hello as ${from.name}`,
      );
    }
    if (hello.clusterId !== this.options.clusterId) {
      throw new QuantaError('UNAUTHORIZED', `${from.name} belongs to another cluster`);
    }
    const member = this.members.find((known) => known.id === from.id);
    if (member && member.name !== from.name) {
      throw new QuantaError('UNAUTHORIZED', `${from.name} uses the Raft id of ${member.name}`);
    }
    if (!member && from.id !== this.options.self.id) {
      this.visitors.set(from.id, from);
      this.link(from);
    }
    return from;
  }
}
