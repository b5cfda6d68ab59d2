import { Agent, request as httpsRequest } from 'node:https';
import type { PeerCaller } from '@quantadb/engine/cluster/peer-protocol';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { type HttpAnswer, readAnswer, resultOf } from './http-answer.ts';

export interface PeerCallerOptions {
  tls: { ca: string; cert: string; key: string };
}

const socketsPerPeerMax = 8;
/** Shorter than the server's keep-alive, so that a request rarely meets a connection that is just being closed. */
const idleMs = 10_000;

type Peer = { name: string; host: string; port: number };
type Call = { method: string; text: string; signal: AbortSignal };

/** Calls other daemons over mutual TLS, on connections that are kept. */
export class HttpsPeerCaller implements PeerCaller {
  private readonly options: PeerCallerOptions;
  private readonly agents = new Map<string, Agent>();

  constructor(options: PeerCallerOptions) {
    this.options = options;
  }

  /**
   * @throws QuantaError PEER_UNREACHABLE, DEADLINE_EXCEEDED, PROTOCOL_VIOLATION, or what the peer refused with
   */
  async call(peer: Peer, method: string, body: unknown, deadlineMs: number): Promise<unknown> {
    if (deadlineMs <= 0)
      throw new QuantaError('DEADLINE_EXCEEDED', `no time was left to ask ${peer.name} for ${method}`);
    // What is left of a deadline has a fraction, which Node refuses.
    const signal = AbortSignal.timeout(Math.ceil(deadlineMs));
    const call = { method, text: JSON.stringify(body), signal };
    try {
      return resultOf(await this.send(peer, call), peer.name);
    } catch (error) {
      if (error instanceof QuantaError) throw error;
      if (signal.aborted) {
        throw new QuantaError(
          'DEADLINE_EXCEEDED',
          `${peer.name} did not answer ${method} within ${Math.round(deadlineMs)} ms`,
          { cause: error },
        );
      }
      throw new QuantaError('PEER_UNREACHABLE', `${peer.name} cannot be reached: ${messageOf(error)}`, {
        cause: error,
        hint: `Check that the daemon of ${peer.name} runs, and that ${peer.host}:${peer.port} can be reached from here.`,
      });
    }
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
    this.agents.clear();
  }

  private async send(peer: Peer, call: Call): Promise<HttpAnswer> {
    try {
      return await sendOver(this.agentOf(peer), peer, call);
    } catch (error) {
      if (!isStaleConnection(error)) throw error;
      // The peer ended an idle connection just when it was used. Others that were idle may have ended with it.
      const fresh = this.createAgent(peer, false);
      return await sendOver(fresh, peer, call).finally(() => fresh.destroy());
    }
  }

  private agentOf(peer: Peer): Agent {
    const key = `${peer.name}@${peer.host}:${peer.port}`;
    const known = this.agents.get(key);
    if (known) return known;
    const agent = this.createAgent(peer, true);
    this.agents.set(key, agent);
    return agent;
  }

  /** After a renewal: calls from now on show the new certificate. Those under way end as they began; what is idle times out. */
  useCertificate(tls: PeerCallerOptions['tls']): void {
    Object.assign(this.options.tls, tls);
    this.agents.clear();
  }

  private createAgent(peer: Peer, keepAlive: boolean): Agent {
    return new Agent({
      ...this.options.tls,
      keepAlive,
      timeout: idleMs,
      maxSockets: socketsPerPeerMax,
      maxFreeSockets: 2,
      // A resumed session is not asked for its name again.
      maxCachedSessions: 0,
      minVersion: 'TLSv1.3',
      checkServerIdentity: (_host, certificate) => {
        if (certificate.subject.CN === peer.name) return undefined;
        return new Error(`expected ${peer.name}, found ${certificate.subject.CN}`);
      },
    });
  }
}

function sendOver(agent: Agent, peer: Peer, call: Call): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      agent,
      host: peer.host,
      port: peer.port,
      method: 'POST',
      path: `/peer/${call.method}`,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(call.text) },
      signal: call.signal,
    });
    request.on('error', (error) =>
      reject(request.reusedSocket ? Object.assign(error, { isReused: true }) : error),
    );
    request.once('response', (response) => readAnswer(response).then(resolve, reject));
    request.end(call.text);
  });
}

function isStaleConnection(error: unknown): boolean {
  const { code, isReused } = error as { code?: string; isReused?: boolean };
  return isReused === true && (code === 'ECONNRESET' || code === 'EPIPE');
}
