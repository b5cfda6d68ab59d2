import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { freePort } from '@quantadb/engine/testing/free-port';
import { secret, type TestDatabase } from './test-control-plane.ts';

const serverFile = fileURLToPath(new URL('../../../../apps/console/dist/server.js', import.meta.url));

/** The console as it is run: a process, with its pages. */
export class ConsoleProcess {
  readonly port: number;
  private readonly child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.child = child;
  }

  /** It has begun, and may not answer yet. */
  static async begin(database: TestDatabase, publicUrl: string): Promise<ConsoleProcess> {
    const port = await freePort();
    const environment = {
      ...{ NODE_ENV: 'production' as const, NEXT_TELEMETRY_DISABLED: '1', QUANTADB_LOG_LEVEL: 'warn' },
      ...{ QUANTADB_DATABASE_URL: database.url, QUANTADB_SECRET: secret, QUANTADB_PUBLIC_URL: publicUrl },
      QUANTADB_CONSOLE_PORT: String(port),
    };
    const child = spawn(process.execPath, [serverFile], {
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    });
    await once(child, 'spawn');
    return new ConsoleProcess(port, child);
  }

  async untilAnswers(): Promise<void> {
    const answers = async () => {
      if (this.child.exitCode !== null) throw new Error(`the console ended with ${this.child.exitCode}`);
      const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/setup`).catch(() => null);
      return response?.ok ? true : undefined;
    };
    await pollUntil(answers, { what: 'the console answers', timeoutMs: 60_000, intervalMs: 50 });
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

/** One address for several consoles: whoever comes is led to the first that answers. */
export class Balancer {
  readonly url: string;
  private readonly server: Server;
  private readonly consoles: () => readonly ConsoleProcess[];

  private constructor(server: Server, url: string, consoles: () => readonly ConsoleProcess[]) {
    this.server = server;
    this.url = url;
    this.consoles = consoles;
  }

  static async start(consoles: () => readonly ConsoleProcess[]): Promise<Balancer> {
    const port = await freePort();
    const server = createServer();
    const balancer = new Balancer(server, `http://127.0.0.1:${port}`, consoles);
    server.on('connection', (socket) => balancer.lead(socket, [...balancer.consoles()]));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return balancer;
  }

  close(): void {
    this.server.close();
  }

  private lead(client: Socket, [first, ...others]: ConsoleProcess[]): void {
    client.on('error', () => client.destroy());
    if (!first) return void client.destroy();
    const upstream = connect(first.port, '127.0.0.1');
    upstream.once('connect', () => client.pipe(upstream).pipe(client));
    upstream.once('error', () => {
      if (upstream.bytesRead > 0 || upstream.bytesWritten > 0) client.destroy();
      else this.lead(client, others);
    });
    upstream.once('close', (hadError) => {
      if (!hadError) client.destroy();
    });
    client.once('close', () => upstream.destroy());
  }
}
