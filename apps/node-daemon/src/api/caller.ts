import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Caller } from '@quantadb/engine/contract/daemon-facade';
import { QuantaError } from '@quantadb/engine/shared/errors';

/** Who asks: proven by the transport, or nobody in particular (plain HTTP, which may only read). */
export type HttpCaller = Caller | { kind: 'anybody' };

const operatorPrefix = 'operator:';

export function callerOf(request: IncomingMessage, isLocalSocket: boolean): HttpCaller {
  if (isLocalSocket) return { kind: 'local' };
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return { kind: 'anybody' };
  const commonName = socket.getPeerCertificate().subject?.CN;
  if (!socket.authorized || typeof commonName !== 'string') return { kind: 'anybody' };
  if (commonName.startsWith(operatorPrefix))
    return { kind: 'operator', name: commonName.slice(operatorPrefix.length) };
  return { kind: 'peer', name: commonName };
}

/** @throws QuantaError UNAUTHORIZED */
export function requireOperator(caller: HttpCaller): void {
  if (caller.kind === 'local' || caller.kind === 'operator') return;
  throw new QuantaError('UNAUTHORIZED', 'changes need the operator’s certificate or the local socket', {
    hint: 'Run the command on the host itself, or with the operator’s certificate.',
  });
}

/** Of what concerns this one host, and nobody asks for from afar. @throws QuantaError UNAUTHORIZED */
export function requireLocal(caller: HttpCaller): void {
  if (caller.kind === 'local') return;
  throw new QuantaError('UNAUTHORIZED', 'this is done on the host itself, through its local socket');
}

/** @throws QuantaError UNAUTHORIZED */
export function requirePeer(caller: HttpCaller): string {
  if (caller.kind === 'peer') return caller.name;
  throw new QuantaError('UNAUTHORIZED', 'only another daemon may ask this');
}
