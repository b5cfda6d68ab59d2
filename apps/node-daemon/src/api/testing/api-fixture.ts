import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispatchPeerCall, type PeerHandlers } from '@quantadb/engine/cluster/peer-protocol';
import { type ClusterState, usualPolicy } from '@quantadb/engine/contract/cluster-state';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import type { OperationPlan, OperationRequest, OperationStart } from '@quantadb/engine/contract/operations';
import type { RestorePlanning } from '@quantadb/engine/contract/restore';
import type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  issueHostCertificate,
  issueOperatorCertificate,
} from '@quantadb/engine/security/pki';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { demoMember, demoState } from '@quantadb/engine/testing/demo-state';
import type { ApiLimits } from '../limits.ts';
import { type Api, startApi } from '../server.ts';

const noRestore: RestorePlanning = {
  ok: false,
  refusal: { reason: 'no_backup', message: '', nearest: [] },
};

/** A stand-in for the engine that a test sets the answers of, and that says who asked. */
export class FakeEngine implements DaemonFacade {
  node: NodeReport = demoReport();
  agreed: ClusterState | null = demoState();
  status: () => Promise<ClusterStatus | null> = async () => demoStatus();
  planned: (request: OperationRequest) => Promise<OperationPlan> = async () => demoPlan();
  readonly peerCalls: string[] = [];
  readonly starts: OperationStart[] = [];
  statusCalls = 0;

  report = () => this.node;
  state = () => this.agreed;
  host = () => ({ name: 'node-1', state: 'member', cluster: 'demo', api: 'http://127.0.0.1:7101' }) as const;
  metrics = async () => 'quantadb_epoch 3\n';
  events = (sinceId: number) => (this.agreed?.events ?? []).filter((event) => event.id > sinceId);
  operations = () => [
    ...(this.agreed?.pastOperations ?? []),
    ...(this.agreed?.operation ? [this.agreed.operation] : []),
  ];
  backups = async () => null;
  settings = async () => null;
  readonly restores: DaemonFacade['restores'] = {
    plan: async () => noRestore,
    planInto: async () => ({ planning: noRestore, plan: null }),
    startInto: async () => ({ operationId: 'one' }),
    tryRepository: async () => ({ nodes: [] }),
  };
  plan = (request: OperationRequest) => this.planned(request);

  leaveAlone = async () => ({ ok: true as const });

  clusterStatus = () => {
    this.statusCalls += 1;
    return this.status();
  };

  start = async (start: OperationStart) => {
    this.starts.push(start);
    return { operationId: 'one' };
  };

  peerCall = (peer: string, method: string, body: unknown) => {
    this.peerCalls.push(`${peer}: ${method}`);
    const handlers = { report: async () => this.node } as unknown as PeerHandlers;
    return dispatchPeerCall(handlers, { peer, method, body }, null);
  };
}

export function demoReport(parts: Partial<NodeReport> = {}): NodeReport {
  return {
    name: 'node-1',
    version: '0.1.0',
    atMs: 0,
    cluster: { id: 'c1', name: 'demo' },
    host: 'member',
    addresses: demoMember(1).addresses,
    kind: 'data',
    role: 'primary',
    state: 'running',
    detail: '',
    epoch: 3,
    sealedEpoch: 3,
    timeline: 2,
    lsn: '0/90',
    replayLsn: null,
    receiverStatus: null,
    streamsFrom: null,
    leaseRemainingMs: 3000,
    vitals: null,
    degraded: null,
    contacts: [],
    standbys: [],
    clone: null,
    pendingRestart: [],
    troubles: [],
    configuration: null,
    certificateUntilMs: null,
    featureLevel: 2,
    uptimeMs: 1000,
    isSupervised: true,
    postgresVersion: '15.18',
    router: null,
    unguarded: [],
    cancelledWaits: 0,
    raft: null,
    pids: { daemon: 1, reaper: 2, postgres: 3, routers: [] },
    dataDir: '/data',
    ...parts,
  };
}

export function demoStatus(parts: Partial<NodeStatus> = {}): ClusterStatus {
  const node: NodeStatus = {
    name: 'node-1',
    kind: 'data',
    role: 'primary',
    state: 'running',
    detail: '',
    address: '127.0.0.1:5501',
    postgres: null,
    api: 'http://127.0.0.1:7101',
    timeline: 2,
    lsn: '0/90',
    lagBytes: 0,
    lagMs: 0,
    sync: 'none',
    raft: 'voter',
    maintenance: false,
    zone: null,
    streamsFrom: null,
    policy: usualPolicy,
    notes: [],
    postgresVersion: '15.18',
    daemonVersion: '0.1.0',
    pendingRestart: [],
    troubles: [],
    clone: null,
    ...parts,
  };
  return {
    name: 'demo',
    health: 'healthy',
    verdict: '',
    primary: 'node-1',
    epoch: 3,
    timeline: 2,
    durability: 'quorum',
    revision: 20,
    raft: { leader: 'node-2', term: 1 },
    connect: null,
    routers: [],
    router: {},
    nodes: [node],
    noQuorum: null,
    network: null,
    advice: null,
    spare: null,
    scheduled: [],
    source: null,
    followers: [],
    failover: null,
    backups: null,
  };
}

function demoPlan(): OperationPlan {
  return {
    kind: 'switchover',
    summary: 'another node becomes primary',
    steps: ['demote', 'promote'],
    writePause: 'about a second',
    quorumBefore: '2 of 3',
    quorumAfter: '2 of 3',
    warnings: [],
    refusal: null,
    hash: 'h1',
    revision: 20,
    expiresAtMs: 1,
  };
}

export interface Identity {
  ca: string;
  cert: string;
  key: string;
}

export interface Reply {
  /** 0 when the connection ended without an answer. */
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

const replyTimeoutMs = 20_000;

/** The API of `node-1` over real sockets, with an authority to make callers of. */
export class ApiFixture {
  readonly engine = new FakeEngine();
  readonly shutdowns: string[] = [];
  readonly socketPath: string;
  readonly authority: Authority;
  private readonly directory: string;
  private readonly own: IssuedCertificate;
  private readonly limits: Partial<ApiLimits>;
  private api: Api | null = null;

  private constructor(parts: {
    directory: string;
    authority: Authority;
    own: IssuedCertificate;
    limits: Partial<ApiLimits>;
  }) {
    this.directory = parts.directory;
    this.authority = parts.authority;
    this.own = parts.own;
    this.limits = parts.limits;
    this.socketPath = join(parts.directory, 'daemon.sock');
  }

  static async start(limits: Partial<ApiLimits> = {}): Promise<ApiFixture> {
    const directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'api-'));
    const authority = await createAuthority({ name: 'test' });
    const own = await issueHostCertificate(authority, { host: 'node-1', addresses: ['127.0.0.1'] });
    const fixture = new ApiFixture({ directory, authority, own, limits });
    await fixture.open();
    return fixture;
  }

  get port(): number {
    return this.api?.port ?? 0;
  }

  /** Open connections of the TCP port. */
  connections(): number {
    return this.api?.connections() ?? 0;
  }

  async renewCertificate(): Promise<void> {
    const { certPem, keyPem } = await issueHostCertificate(this.authority, {
      host: 'node-1',
      addresses: ['127.0.0.1'],
    });
    this.api?.useCertificate({ ca: this.authority.certPem, cert: certPem, key: keyPem });
  }

  async open(port = 0): Promise<void> {
    this.api = await this.openAnother({ port });
  }

  openAnother(place: { port: number; socketPath?: string }): Promise<Api> {
    return startApi({
      facade: this.engine,
      listenHost: '127.0.0.1',
      socketPath: this.socketPath,
      ...place,
      tls: { ca: this.authority.certPem, cert: this.own.certPem, key: this.own.keyPem },
      logger: silentLogger,
      limits: this.limits,
      logs: async (question) => ({
        entries: [{ atMs: question.untilMs, severity: question.atLeast, pid: null, text: question.search }],
        isCut: false,
      }),
      onShutdownRequested: (postgres) => this.shutdowns.push(postgres),
    });
  }

  async stop(): Promise<void> {
    await this.api?.close();
    this.api = null;
  }

  async restart(): Promise<void> {
    const { port } = this;
    await this.stop();
    await this.open(port);
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async peer(host: string, by: Authority = this.authority): Promise<Identity> {
    return this.identity(await issueHostCertificate(by, { host, addresses: ['127.0.0.1'] }));
  }

  async operator(name: string): Promise<Identity> {
    return this.identity(await issueOperatorCertificate(this.authority, { name }));
  }

  /** `from` is a certificate, the unix socket, or nothing to show. */
  send(
    from: Identity | 'local' | 'plain',
    call: { method?: string; path: string; body?: string; type?: string },
  ): Promise<Reply> {
    const place = from === 'local' ? { socketPath: this.socketPath } : { host: '127.0.0.1', port: this.port };
    const type = call.type ?? 'application/json';
    const options: RequestOptions = {
      ...place,
      path: call.path,
      method: call.method ?? 'GET',
      headers: call.body === undefined ? {} : { 'content-type': type },
      agent: false,
      signal: AbortSignal.timeout(replyTimeoutMs),
    };
    return exchange(options, typeof from === 'string' ? null : from, call.body);
  }

  private identity({ certPem, keyPem }: IssuedCertificate): Identity {
    return { ca: this.authority.certPem, cert: certPem, key: keyPem };
  }
}

function exchange(options: RequestOptions, tls: Identity | null, body: string | undefined): Promise<Reply> {
  return new Promise((resolve) => {
    const request = tls
      ? httpsRequest({ ...options, ...tls, checkServerIdentity: () => undefined })
      : httpRequest(options);
    request.on('error', (error) => resolve({ status: 0, headers: {}, text: error.message }));
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.once('close', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    request.end(body);
  });
}
