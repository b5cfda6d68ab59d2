import type { SecureContext } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import type { Counters } from '../counters.ts';
import { dialTarget, needsTls } from '../net/target.ts';
import { Wire } from '../net/wire.ts';
import { buildCancelRequest, buildSslRequest } from '../protocol/startup.ts';
import type { RouterTopology } from '../topology.ts';

const deadlineMs = 5_000;

export interface Cancellable {
  readonly node: string;
  readonly processId: number;
  readonly secret: Buffer;
  /** Requests on their way. */
  cancels: number;
  /** To be closed instead of used again. */
  isDoomed?: boolean;
  cancelEnded(): void;
}

/**
 * Asks PostgreSQL to cancel what `server` is doing. Until PostgreSQL has closed the connection of the request, the signal
 * may still be on its way, so the server serves nobody else before that.
 */
export function sendCancel(
  server: Cancellable,
  topology: RouterTopology,
  tls: SecureContext,
  counters: Counters,
): void {
  const node = topology.nodes.find((each) => each.name === server.node);
  if (!node) return;
  counters.cancels++;
  server.cancels++;
  const request = buildCancelRequest(server.processId, server.secret);
  const handlers = {
    bytes: (buffer: Buffer) => {
      if (buffer[0] !== 0x53) {
        wire.destroy(null);
        return;
      }
      const secure = wire.upgrade((socket) => connectTls({ socket, secureContext: tls, host: node.host }));
      secure.once('secureConnect', () => send(request));
    },
    closed: (error: Error | null) => {
      clearTimeout(timer);
      // PostgreSQL has not said that it is done with it: it may still be on its way, and nobody else is to be hit by it.
      if (isGivenUp || error) server.isDoomed = true;
      server.cancels--;
      server.cancelEnded();
    },
    drained: () => undefined,
  };
  const wire = Wire.connect(dialTarget(node), handlers);
  let isGivenUp = false;
  const timer = setTimeout(() => {
    isGivenUp = true;
    wire.destroy(null);
  }, deadlineMs);
  const send = (bytes: Buffer) => {
    wire.appendAll(bytes);
    wire.flush();
  };
  send(needsTls(node) ? buildSslRequest() : request);
}
