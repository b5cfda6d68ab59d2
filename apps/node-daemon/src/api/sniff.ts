import type { Server } from 'node:http';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { ApiLimits } from './limits.ts';

const tlsHandshakeRecord = 0x16;

export interface Entrance {
  server: NetServer;
  /** Of every connection, whatever it is doing. */
  sockets: ReadonlySet<Socket>;
}

/** The one TCP port: looks at the first byte of a connection and hands it to the server it is meant for. */
export function createEntrance(servers: { plain: Server; secure: Server }, limits: ApiLimits): Entrance {
  const sockets = new Set<Socket>();
  const plainSockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      plainSockets.delete(socket);
    });
    withFirstByte(socket, limits.handshakeTimeoutMs, (first) => {
      if (first === tlsHandshakeRecord) {
        servers.secure.emit('connection', socket);
      } else if (plainSockets.size < limits.plainConnectionsMax) {
        plainSockets.add(socket);
        servers.plain.emit('connection', socket);
      } else {
        socket.destroy();
      }
    });
  });
  server.maxConnections = limits.connectionsMax;
  return { server, sockets };
}

/** The byte is put back before `use` is called; a connection that sends none in time is dropped. */
function withFirstByte(socket: Socket, timeoutMs: number, use: (first: number) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => socket.destroy());
  socket.once('readable', () => {
    const piece = socket.read(1) as Buffer | null;
    clearTimeout(timer);
    const first = piece?.[0];
    if (!piece || first === undefined) {
      socket.destroy();
      return;
    }
    socket.unshift(piece);
    use(first);
  });
}
