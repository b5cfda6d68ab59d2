/** The packets that come before the first message (pure): no type byte, a length and a code. */

export type StartupPacket =
  | { kind: 'incomplete' }
  | { kind: 'ssl' }
  | { kind: 'gss' }
  | { kind: 'cancel'; processId: number; secret: Buffer }
  | {
      kind: 'startup';
      /** As asked for; the major version is 3. */
      minorVersion: number;
      parameters: Map<string, string>;
    }
  /** The first byte of a TLS record: the client begins with TLS at once (PostgreSQL 17's `sslnegotiation=direct`). */
  | { kind: 'tls' }
  | { kind: 'invalid'; reason: string; sqlState: string };

export const startupBytesMax = 10_000;
/** The newest minor version that is spoken: 3.2 has cancel keys of any length. */
export const newestMinorVersion = 2;

const sslCode = 80_877_103;
const gssCode = 80_877_104;
const cancelCode = 80_877_102;
const tlsHandshakeByte = 0x16;
const secretBytesMax = 256;

/** @returns the packet at the beginning of `bytes`, and how long it is */
export function readStartupPacket(bytes: Buffer): { packet: StartupPacket; bytesRead: number } {
  if (bytes.length > 0 && bytes[0] === tlsHandshakeByte) return { packet: { kind: 'tls' }, bytesRead: 0 };
  if (bytes.length < 4) return { packet: { kind: 'incomplete' }, bytesRead: 0 };
  const length = bytes.readUInt32BE(0);
  if (length < 8 || length > startupBytesMax)
    return { packet: invalid('invalid length of startup packet'), bytesRead: 0 };
  if (bytes.length < length) return { packet: { kind: 'incomplete' }, bytesRead: 0 };
  return { packet: parse(bytes.subarray(0, length)), bytesRead: length };
}

function parse(packet: Buffer): StartupPacket {
  const code = packet.readUInt32BE(4);
  if (code === sslCode) return packet.length === 8 ? { kind: 'ssl' } : invalid('invalid SSL request');
  if (code === gssCode) return packet.length === 8 ? { kind: 'gss' } : invalid('invalid GSS request');
  if (code === cancelCode) return parseCancel(packet);
  const majorVersion = code >>> 16;
  const minorVersion = code & 0xffff;
  if (majorVersion !== 3)
    return invalid(
      `unsupported frontend protocol ${majorVersion}.${minorVersion}: server supports 3.0 to 3.${newestMinorVersion}`,
      '0A000',
    );
  const parameters = parseParameters(packet.subarray(8));
  if (!parameters) return invalid('invalid startup packet layout: expected terminator as last byte');
  return { kind: 'startup', minorVersion, parameters };
}

function parseCancel(packet: Buffer): StartupPacket {
  const secret = packet.subarray(12);
  if (secret.length < 4 || secret.length > secretBytesMax) return invalid('invalid length of cancel key');
  return { kind: 'cancel', processId: packet.readInt32BE(8), secret: Buffer.from(secret) };
}

function parseParameters(body: Buffer): Map<string, string> | null {
  if (body.at(-1) !== 0) return null;
  const words = body.subarray(0, -1).toString('utf8').split('\0');
  // After the last value comes one more zero; an empty list is that zero alone.
  if (words.pop() !== '') return null;
  if (words.length % 2 !== 0) return null;
  const parameters = new Map<string, string>();
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i] ?? '';
    if (name === '') return null;
    parameters.set(name, words[i + 1] ?? '');
  }
  return parameters;
}

function invalid(reason: string, sqlState = '08P01'): StartupPacket {
  return { kind: 'invalid', reason, sqlState };
}

export function buildStartup(parameters: Iterable<readonly [string, string]>): Buffer {
  const words = [...parameters].flat().map((word) => `${word}\0`);
  const body = Buffer.from(`${words.join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.writeUInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

export function buildSslRequest(): Buffer {
  const packet = Buffer.alloc(8);
  packet.writeUInt32BE(8, 0);
  packet.writeUInt32BE(sslCode, 4);
  return packet;
}

export function buildCancelRequest(processId: number, secret: Buffer): Buffer {
  const packet = Buffer.alloc(12 + secret.length);
  packet.writeUInt32BE(packet.length, 0);
  packet.writeUInt32BE(cancelCode, 4);
  packet.writeInt32BE(processId, 8);
  secret.copy(packet, 12);
  return packet;
}
