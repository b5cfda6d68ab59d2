import { randomBytes } from 'node:crypto';
import {
  type HostReport,
  helloSchema,
  hostReportSchema,
  type LinkMethod,
  linkAnswerSchema,
  linkMethods,
  linkVersion,
  type RenewalAnswer,
  type ReportAnswer,
  renewalRequestSchema,
} from '@quantadb/engine/contract/link';
import { type ErrorCode, errorCodes, messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { Namespace, Socket } from 'socket.io';
import type { z } from 'zod';
import type { AuthorityKeeper } from './authority.ts';
import { proveHost } from './host-proof.ts';
import { admitCertificate, renewCertificate } from './renewal.ts';
import { ReportQueue } from './report-queue.ts';

export interface HostLinksOptions {
  namespace: Namespace;
  prisma: PrismaClient;
  keeper: AuthorityKeeper;
  logger: Logger;
  onReport(host: string, report: HostReport): Promise<ReportAnswer>;
}

type Input<Method extends LinkMethod> = z.infer<(typeof linkMethods)[Method]['input']>;
type Output<Method extends LinkMethod> = z.infer<(typeof linkMethods)[Method]['output']>;

const helloDeadlineMs = 5000;
const callDeadlineMs = 20_000;

/**
 * The connections that hosts have dialled, to this console instance or to another one: a call goes to the room of the
 * host, and the adapter between the instances carries it to wherever that host is connected.
 */
export class HostLinks {
  private readonly options: HostLinksOptions;
  private readonly waiting = new ReportQueue((host, told) => this.begin(host, told));
  /** Whose report is being stored. */
  private readonly busy = new Set<string>();
  private taken = 0;
  private skipped = 0;

  constructor(options: HostLinksOptions) {
    this.options = options;
    options.namespace.on('connection', (socket) => this.greet(socket));
  }

  /** Reports since the start: answered ones, and those left out because the one before from that host was not answered yet. */
  get reports(): { taken: number; skipped: number } {
    return { taken: this.taken, skipped: this.skipped };
  }

  /** Of a host that is no longer enrolled, at whichever console it is connected. */
  drop(host: string): void {
    this.options.namespace.in(roomOf(host)).disconnectSockets(true);
  }

  /**
   * @throws QuantaError PEER_UNREACHABLE when the host is connected nowhere, or whatever it refused with
   */
  async call<Method extends LinkMethod>(
    host: string,
    method: Method,
    input: Input<Method>,
  ): Promise<Output<Method>> {
    const room = this.options.namespace.to(roomOf(host));
    const sockets = await room.fetchSockets();
    if (sockets.length === 0) {
      throw new QuantaError('PEER_UNREACHABLE', `${host} is not connected to the control plane`, {
        hint: 'Its daemon must be running and able to reach the console; see its log.',
      });
    }
    const answers = await this.ask(host, { method, input });
    const parsed = linkAnswerSchema.safeParse(answers[0]);
    if (!parsed.success)
      throw new QuantaError('PROTOCOL_VIOLATION', `${host} answered ${method} in an unknown way`);
    const answer = parsed.data;
    if (!answer.ok)
      throw new QuantaError(codeOf(answer.code), answer.message, answer.hint ? { hint: answer.hint } : {});
    const output = linkMethods[method].output.safeParse(answer.output);
    if (!output.success)
      throw new QuantaError('PROTOCOL_VIOLATION', `${host} answered ${method}: ${output.error.message}`);
    return output.data as Output<Method>;
  }

  private async ask(host: string, call: { method: string; input: unknown }): Promise<unknown[]> {
    try {
      return (await this.options.namespace
        .to(roomOf(host))
        .timeout(callDeadlineMs)
        .emitWithAck('call', call)) as unknown[];
    } catch (error) {
      throw new QuantaError('DEADLINE_EXCEEDED', `${host} did not answer ${call.method} in time`, {
        cause: error,
      });
    }
  }

  private greet(socket: Socket): void {
    const nonce = randomBytes(32).toString('hex');
    const timer = setTimeout(() => socket.disconnect(true), helloDeadlineMs);
    socket.once('disconnect', () => clearTimeout(timer));
    socket.once('hello', (hello: unknown, answer: unknown) => {
      clearTimeout(timer);
      this.welcome(socket, hello, nonce)
        .then((name) => {
          reply(answer, { ok: true });
          this.listen(socket, name);
        })
        .catch((error: unknown) => {
          this.options.logger.warn(
            { error: messageOf(error), ip: socket.handshake.address },
            'a host was refused',
          );
          reply(answer, { ok: false, reason: messageOf(error) });
          socket.disconnect(true);
        });
    });
    socket.emit('challenge', { version: linkVersion, nonce });
  }

  private async welcome(socket: Socket, raw: unknown, nonce: string): Promise<string> {
    const hello = helloSchema.safeParse(raw);
    if (!hello.success) throw new QuantaError('PROTOCOL_VIOLATION', 'a hello that is none');
    const authorityPem = this.options.keeper.authority.certPem;
    const { name, fingerprint } = proveHost(hello.data, { nonce, authorityPem, nowMs: Date.now() });
    if (!(await admitCertificate(this.options.prisma, name, fingerprint))) {
      throw new QuantaError('UNAUTHORIZED', `${name} is not enrolled with this certificate`);
    }
    const seen = { version: hello.data.release, lastSeenAt: new Date() };
    await this.options.prisma.host.update({ where: { name }, data: seen });
    // The newest connection is the one that lives; an older one may hang half open for a while.
    const older = await this.options.namespace.in(roomOf(name)).fetchSockets();
    for (const other of older) if (other.id !== socket.id) other.disconnect(true);
    await socket.join(roomOf(name));
    return name;
  }

  private async renew(name: string, raw: unknown): Promise<RenewalAnswer> {
    const request = renewalRequestSchema.safeParse(raw);
    if (!request.success) return { ok: false, reason: 'the request was not understood' };
    try {
      const requestPem = request.data.certificateRequest;
      const certificate = await renewCertificate(this.options, { name, requestPem });
      this.options.logger.info({ host: name }, 'the certificate of a host was renewed');
      return { ok: true, certificate };
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  private listen(socket: Socket, name: string): void {
    this.options.logger.info({ host: name }, 'a host has connected');
    socket.on('renew', (raw: unknown, answer: unknown) => {
      void this.renew(name, raw).then((outcome) => reply(answer, outcome));
    });
    socket.on('report', (report: unknown, answer: unknown) => {
      if (this.waiting.add(name, { report, answer })) this.skipped += 1;
    });
  }

  /** A host waits for its answer, or gives it up after seconds: what it tells while one is stored would only queue up. */
  private begin(name: string, { report, answer }: { report: unknown; answer: unknown }): void {
    if (this.busy.has(name)) {
      this.skipped += 1;
      return;
    }
    this.busy.add(name);
    void this.take(name, report, answer).finally(() => this.busy.delete(name));
  }

  private async take(name: string, raw: unknown, answer: unknown): Promise<void> {
    const report = hostReportSchema.safeParse(raw);
    if (!report.success) {
      this.options.logger.warn({ host: name, error: report.error.message }, 'a report was not understood');
      return;
    }
    if (report.data.node.name !== name) return;
    try {
      reply(answer, await this.options.onReport(name, report.data));
      this.taken += 1;
    } catch (error) {
      this.options.logger.warn({ host: name, error: messageOf(error) }, 'a report was not stored');
    }
  }
}

function roomOf(host: string): string {
  return `node:${host}`;
}

function reply(answer: unknown, value: unknown): void {
  if (typeof answer === 'function') (answer as (value: unknown) => void)(value);
}

function codeOf(code: string): ErrorCode {
  return errorCodes.find((known) => known === code) ?? 'REFUSED';
}
