import { createSign } from 'node:crypto';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import {
  challengeSchema,
  eventsPerReportMax,
  type HostReport,
  type LinkAnswer,
  linkCallSchema,
  linkMethods,
  linkVersion,
  renewalAnswerSchema,
  reportAnswerSchema,
} from '@quantadb/engine/contract/link';
import type { LogAnswer, LogQuestion } from '@quantadb/engine/contract/logs';
import type { NodeFiguresTold } from '@quantadb/engine/contract/node-metrics';
import type { ReplicationAnswer } from '@quantadb/engine/contract/replication-view';
import type { EndSession, SessionOutcome, SessionsAnswer } from '@quantadb/engine/contract/sessions';
import type { StatementsTold } from '@quantadb/engine/contract/statements';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { io, type Socket } from 'socket.io-client';
import { UntoldFailovers } from './untold-failovers.ts';
import { UntoldOperations } from './untold-operations.ts';

export interface ConsoleLinkOptions {
  /** Where the control plane is, e.g. `https://quantadb.example.com`. */
  url: string;
  tls: { cert: string; key: string };
  facade: DaemonFacade;
  /** The newest look at this host and its PostgreSQL. */
  figures(): NodeFiguresTold | null;
  statements(): StatementsTold | null;
  logs(question: LogQuestion): Promise<LogAnswer>;
  sessions: {
    list(): Promise<SessionsAnswer>;
    end(request: EndSession): Promise<{ outcome: SessionOutcome }>;
  };
  diagnosis(): Promise<HostDiagnosis>;
  replication(): Promise<ReplicationAnswer>;
  logger: Logger;
  /** Told that the control plane is there, once a second; `ask` carries a request for another certificate to it. */
  onPresent(ask: (certificateRequest: string) => Promise<string>): void;
}

type Picture = NonNullable<HostReport['picture']>;

const reportEveryMs = 1000;
const reportAnswerMs = 5000;
const reconnectMinMs = 500;
const reconnectMaxMs = 5000;
const recentOperations = 10;

/**
 * Dials the control plane and keeps it informed. Nothing here is needed to run the cluster: without a control plane this
 * is a socket that tries again, with backoff.
 */
export class ConsoleLink {
  private readonly options: ConsoleLinkOptions;
  private readonly socket: Socket;
  private readonly timer: NodeJS.Timeout;
  private isWelcome = false;
  private isReporting = false;
  /** Up to which event the control plane has the history; unknown until its first answer. */
  private eventsUpTo: number | null = null;
  private figuresToldMs = 0;
  private statementsToldMs = 0;
  private readonly untoldFailovers = new UntoldFailovers();
  private readonly untoldOperations = new UntoldOperations();

  constructor(options: ConsoleLinkOptions) {
    this.options = options;
    this.socket = io(new URL('/nodes', options.url).href, {
      transports: ['websocket'],
      reconnectionDelay: reconnectMinMs,
      reconnectionDelayMax: reconnectMaxMs,
      randomizationFactor: 0.5,
    });
    this.socket.on('challenge', (challenge: unknown) => this.prove(challenge));
    this.socket.on(
      'call',
      (call: unknown, answer: (value: LinkAnswer) => void) => void this.answer(call).then(answer),
    );
    this.socket.on('disconnect', (reason) => {
      this.isWelcome = false;
      this.eventsUpTo = null;
      this.untoldFailovers.forget();
      this.untoldOperations.forget();
      // After a refusal the library leaves it to us to try again.
      if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), reconnectMaxMs);
    });
    this.timer = setInterval(() => void this.report(), reportEveryMs);
  }

  /** With the certificate as it is now: the control plane believes that a host has one that it has shown. */
  showCertificate(): void {
    this.socket.disconnect().connect();
  }

  close(): void {
    clearInterval(this.timer);
    this.socket.close();
  }

  private prove(raw: unknown): void {
    const challenge = challengeSchema.safeParse(raw);
    if (!challenge.success) {
      this.options.logger.warn({}, 'the control plane speaks another version of the link');
      return;
    }
    const { cert, key } = this.options.tls;
    const signature = createSign('sha256')
      .update(`quantadb link ${challenge.data.nonce}`)
      .sign(key, 'base64');
    const hello = { version: linkVersion, release: releaseVersion, certificate: cert, signature };
    this.socket.emit('hello', hello, (answer: { ok?: boolean; reason?: string }) => {
      this.isWelcome = answer?.ok === true;
      if (this.isWelcome)
        this.options.logger.info({ console: this.options.url }, 'connected to the control plane');
      else this.options.logger.warn({ reason: answer?.reason }, 'the control plane refused this host');
    });
  }

  private async report(): Promise<void> {
    if (!this.isWelcome || this.isReporting) return;
    this.isReporting = true;
    this.options.onPresent((certificateRequest) => this.askForCertificate(certificateRequest));
    try {
      const report = await this.makeReport();
      const raw: unknown = await this.socket.timeout(reportAnswerMs).emitWithAck('report', report);
      const answer = reportAnswerSchema.safeParse(raw);
      if (answer.success && report.picture) this.noteTold(report.picture, answer.data.eventsUpTo);
      if (answer.success && report.figures) this.figuresToldMs = report.figures.atMs;
      if (answer.success && report.statements) this.statementsToldMs = report.statements.atMs;
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'a report was not confirmed');
    } finally {
      this.isReporting = false;
    }
  }

  private noteTold(picture: Picture, eventsUpTo: number): void {
    this.eventsUpTo = eventsUpTo;
    this.untoldFailovers.confirmed(picture.failovers);
    this.untoldOperations.confirmed(picture.operations);
  }

  /** @throws QuantaError REFUSED with the reason, PROTOCOL_VIOLATION; Error after the deadline */
  private async askForCertificate(certificateRequest: string): Promise<string> {
    const raw: unknown = await this.socket
      .timeout(reportAnswerMs)
      .emitWithAck('renew', { certificateRequest });
    const answer = renewalAnswerSchema.safeParse(raw);
    if (!answer.success)
      throw new QuantaError('PROTOCOL_VIOLATION', 'the control plane answered in an unknown way');
    if (answer.data.ok) return answer.data.certificate;
    throw new QuantaError('REFUSED', answer.data.reason);
  }

  private async makeReport(): Promise<HostReport> {
    const { facade } = this.options;
    const node = facade.report();
    const isDecider = node.raft?.role === 'leader';
    const hasDecider = node.raft !== null && node.raft.leader !== null;
    const mayTell = node.cluster !== null && (isDecider || !hasDecider);
    const status = mayTell ? await facade.clusterStatus() : null;
    const base = {
      ...{ host: facade.host(), node },
      ...{ figures: this.freshFigures(), statements: this.freshStatements() },
    };
    if (!status || !node.cluster) return { ...base, picture: null };
    const { eventsUpTo } = this;
    const events = eventsUpTo === null ? [] : facade.events(eventsUpTo).slice(0, eventsPerReportMax);
    const operations = this.untoldOperations.of(facade.operations().slice(-recentOperations));
    const state = facade.state();
    const failovers = state ? this.untoldFailovers.of(state) : [];
    const picture = { clusterId: node.cluster.id, isDecider, status, events, operations, failovers };
    return { ...base, picture };
  }

  private freshFigures(): NodeFiguresTold | null {
    const figures = this.options.figures();
    return figures && figures.atMs > this.figuresToldMs ? figures : null;
  }

  private freshStatements(): StatementsTold | null {
    const statements = this.options.statements();
    return statements && statements.atMs > this.statementsToldMs ? statements : null;
  }

  private async answer(raw: unknown): Promise<LinkAnswer> {
    try {
      return { ok: true, output: await this.perform(raw) };
    } catch (error) {
      const quanta = error instanceof QuantaError ? error : null;
      if (!quanta)
        this.options.logger.warn({ error: messageOf(error) }, 'a call of the control plane failed');
      const hint = quanta?.hint;
      return {
        ok: false,
        code: quanta?.code ?? 'REFUSED',
        message: messageOf(error),
        ...(hint ? { hint } : {}),
      };
    }
  }

  private async perform(raw: unknown): Promise<unknown> {
    const call = linkCallSchema.safeParse(raw);
    if (!call.success) throw new QuantaError('NOT_FOUND', 'this host does not know that call');
    const { method, input } = call.data;
    const { facade } = this.options;
    switch (method) {
      case 'plan':
        return facade.plan(linkMethods.plan.input.parse(input));
      case 'start':
        return facade.start(linkMethods.start.input.parse(input));
      case 'backups':
        return facade.backups();
      case 'settings':
        return facade.settings();
      case 'planRestore':
        return facade.restores.plan(linkMethods.planRestore.input.parse(input));
      case 'planRestoreInto':
        return facade.restores.planInto(linkMethods.planRestoreInto.input.parse(input));
      case 'startRestoreInto':
        return facade.restores.startInto(linkMethods.startRestoreInto.input.parse(input));
      case 'logs':
        return this.options.logs(linkMethods.logs.input.parse(input));
      case 'sessions':
        return this.options.sessions.list();
      case 'endSession':
        return this.options.sessions.end(linkMethods.endSession.input.parse(input));
      case 'diagnose':
        return this.options.diagnosis();
      case 'replication':
        return this.options.replication();
      case 'tryRepository':
        return facade.restores.tryRepository(linkMethods.tryRepository.input.parse(input));
    }
  }
}
