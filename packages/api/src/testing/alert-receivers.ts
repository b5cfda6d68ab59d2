import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** The other sides of two channels, as real servers: a webhook and a mailbox. */
export class AlertReceivers {
  /** What the webhook was sent, the oldest first. */
  readonly got: { headers: IncomingHttpHeaders; body: string }[] = [];
  readonly mails: string[] = [];
  /** What the webhook answers next; then 200. */
  readonly answers: number[] = [];
  private readonly hooks: Server;
  private readonly mailbox: SMTPServer;

  private constructor() {
    this.hooks = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.got.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
        const status = this.answers.shift() ?? 200;
        response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
      });
    });
    this.mailbox = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      onData: (stream, _session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          this.mails.push(Buffer.concat(chunks).toString('utf8'));
          callback();
        });
      },
    });
  }

  static async start(): Promise<AlertReceivers> {
    const receivers = new AlertReceivers();
    receivers.hooks.listen(0, '127.0.0.1');
    await once(receivers.hooks, 'listening');
    await new Promise<void>((resolve) => {
      receivers.mailbox.listen(0, '127.0.0.1', () => resolve());
    });
    return receivers;
  }

  get hookPort(): number {
    return (this.hooks.address() as AddressInfo).port;
  }

  get mailPort(): number {
    return (this.mailbox.server.address() as AddressInfo).port;
  }

  close(): void {
    this.hooks.close();
    this.mailbox.close();
  }
}
