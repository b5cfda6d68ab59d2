import { createSign } from 'node:crypto';
import { createCertificateRequest } from '@quantadb/engine/security/pki';
import { io, type Socket } from 'socket.io-client';
import type { ConsoleClient } from './test-control-plane.ts';

const place = (port: number) => ({ host: '127.0.0.1', port });
const addresses = { raft: place(1), api: place(2), postgres: place(3) };
const answerMs = 5000;

/** A host's side of the link: it is enrolled, proves itself and reports, as a daemon does. */
export class TestHost {
  readonly name: string;
  private readonly keyPem: string;
  private readonly certificate: string;
  private socket: Socket | null = null;

  private constructor(name: string, keyPem: string, certificate: string) {
    this.name = name;
    this.keyPem = keyPem;
    this.certificate = certificate;
  }

  /** @param admin who makes the token: a session cookie or an API token */
  static async enrol(at: ConsoleClient, admin: string, name: string): Promise<TestHost> {
    const { body } = await at.call('POST', '/api/v1/hosts/enrolment-tokens', { as: admin, body: {} });
    const { requestPem, keyPem } = await createCertificateRequest(name);
    const request = { token: body.token, name, kind: 'data', addresses, certificateRequest: requestPem };
    const enrolled = await at.call('POST', '/api/v1/enrol', { body: request });
    return new TestHost(name, keyPem, enrolled.body.certificate);
  }

  async connect(at: Pick<ConsoleClient, 'url'>): Promise<void> {
    const socket = io(`${at.url}/nodes`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    });
    this.socket = socket;
    const answer = await new Promise<{ ok: boolean; reason?: string }>((resolve, reject) => {
      socket.once('connect_error', reject);
      socket.once('challenge', ({ nonce }: { nonce: string }) => {
        const signature = createSign('sha256').update(`quantadb link ${nonce}`).sign(this.keyPem, 'base64');
        const hello = { version: 1, release: 'test', certificate: this.certificate, signature };
        socket.emit('hello', hello, resolve);
      });
    });
    socket.on('call', (_call: unknown, reply: (value: unknown) => void) =>
      reply({ ok: false, code: 'REFUSED', message: 'it is a test' }),
    );
    if (!answer.ok) throw new Error(`${this.name} was refused: ${answer.reason}`);
  }

  get isConnected(): boolean {
    return this.socket?.connected === true;
  }

  close(): void {
    this.socket?.close();
    this.socket = null;
  }

  /**
   * As the primary of its cluster, with one standby.
   *
   * @param clockAheadMs how far its clock is ahead of this machine's
   * @param primary another one, whose standby this one is
   * @param isDecider otherwise it is cut off: it hears none
   * @returns up to which event the console has them; null without an answer
   */
  async report(
    cluster: { id: string; name: string },
    {
      revision = 1,
      clockAheadMs = 0,
      primary = this.name,
      isDecider = true,
      events = [] as object[],
      operations = [] as object[],
      failovers = [] as object[],
    } = {},
  ): Promise<number | null> {
    const { name } = this;
    const standing = { kind: 'data', role: 'primary', state: 'running', detail: '', timeline: 1, lsn: '0/1' };
    const node = {
      ...{ ...standing, name, version: 'test', atMs: Date.now() + clockAheadMs, cluster, host: 'member' },
      ...{ addresses, epoch: 1, sealedEpoch: 0, replayLsn: null, receiverStatus: null, streamsFrom: null },
      ...{ leaseRemainingMs: 3000, vitals: null, standbys: [], clone: null, raft: null, dataDir: '/data' },
      pids: { daemon: 1, reaper: 2, postgres: 3, routers: [] },
    };
    const member = {
      ...{ ...standing, name: primary, address: '127.0.0.1:3', postgres: null, api: 'http://127.0.0.1:2' },
      ...{ lagBytes: 0, lagMs: 0, sync: 'none', raft: 'voter', maintenance: false, clone: null },
    };
    const standby = { ...member, name: `${primary}-b`, role: 'standby', state: 'streaming' };
    const status = {
      ...{ name: cluster.name, health: 'healthy', verdict: `Revision ${revision}.`, primary, epoch: 1 },
      ...{ timeline: 1, durability: 'async', revision, connect: null },
      raft: { leader: isDecider ? name : null, term: 1 },
      ...{ routers: [], router: {}, nodes: [member, standby] },
    };
    const picture = { clusterId: cluster.id, isDecider, status, events, operations, failovers };
    const host = { name, state: 'member', cluster: cluster.name, api: 'http://127.0.0.1:2' };
    try {
      const answer = await this.socket?.timeout(answerMs).emitWithAck('report', { host, node, picture });
      return (answer as { eventsUpTo?: number } | undefined)?.eventsUpTo ?? null;
    } catch {
      return null;
    }
  }
}
