import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { MessageSocket } from './message-socket.ts';
import type { FromWorker } from './messages.ts';

/** Who tells a worker what to do: the daemon that has started it, or a later one. */
export interface Boss {
  tell(message: FromWorker): void;
  /** It is heard no more. */
  dismiss(): void;
}

interface DoorHandlers {
  heard(boss: Boss, message: unknown): void;
  lost(boss: Boss): void;
}

export const doorEnding = '.sock';
const connectionsMax = 8;

/** Where the daemons after the one that has started a worker find it: a unix socket for its owner alone. */
export class WorkerDoor {
  private readonly server: Server;
  private readonly path: string;

  private constructor(server: Server, path: string) {
    this.server = server;
    this.path = path;
  }

  /** @throws when the socket cannot be made */
  static async open(directory: string, handlers: DoorHandlers): Promise<WorkerDoor> {
    const path = join(directory, `${process.pid}${doorEnding}`);
    // Of a former process of this number.
    rmSync(path, { force: true });
    const server = createServer((socket) => {
      const messages = new MessageSocket(socket, {
        message: (message) => handlers.heard(boss, message),
        closed: () => handlers.lost(boss),
      });
      const boss: Boss = {
        tell: (message) => void messages.send(message),
        dismiss: () => messages.close(),
      };
    });
    server.maxConnections = connectionsMax;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const previousMask = process.umask(0o177);
      try {
        server.listen(path, resolve);
      } finally {
        process.umask(previousMask);
      }
    });
    server.unref();
    return new WorkerDoor(server, path);
  }

  close(): void {
    this.server.close();
    rmSync(this.path, { force: true });
  }
}
