import { backend, frontend, headerBytes, transactionStatus } from './codes.ts';

/** Messages that the router says itself (pure). */

export interface PostgresError {
  /** FATAL: the connection ends with it. */
  severity: 'ERROR' | 'FATAL';
  sqlState: string;
  message: string;
  detail?: string;
  hint?: string;
}

export function message(type: number, body: Buffer): Buffer {
  const made = Buffer.allocUnsafe(headerBytes + body.length);
  made[0] = type;
  made.writeInt32BE(body.length + 4, 1);
  body.copy(made, headerBytes);
  return made;
}

export function errorResponse(error: PostgresError): Buffer {
  const { severity, sqlState, detail, hint } = error;
  const fields: [string, string | undefined][] = [
    ['S', severity],
    ['V', severity],
    ['C', sqlState],
    ['M', error.message],
    ['D', detail],
    ['H', hint],
  ];
  return message(backend.errorResponse, fieldsBody(fields));
}

export function noticeResponse(text: string): Buffer {
  const fields: [string, string][] = [
    ['S', 'NOTICE'],
    ['V', 'NOTICE'],
    ['C', '00000'],
    ['M', text],
  ];
  return message(backend.noticeResponse, fieldsBody(fields));
}

function fieldsBody(fields: [string, string | undefined][]): Buffer {
  const given = fields.filter(([, value]) => value !== undefined);
  return Buffer.from(
    `${given.map(([code, value]) => `${code}${(value ?? '').replaceAll('\0', '')}\0`).join('')}\0`,
  );
}

/** What an ErrorResponse or a NoticeResponse says: its fields by their letter. */
export function readFields(buffer: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  let position = start + headerBytes;
  while (position < end && buffer[position] !== 0) {
    const stop = buffer.indexOf(0, position + 1);
    if (stop < 0 || stop >= end) break;
    fields.set(String.fromCharCode(buffer[position] as number), buffer.toString('utf8', position + 1, stop));
    position = stop + 1;
  }
  return fields;
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(backend.parameterStatus, Buffer.from(`${name}\0${value}\0`));
}

export function backendKeyData(processId: number, secret: Buffer): Buffer {
  const body = Buffer.alloc(4 + secret.length);
  body.writeInt32BE(processId, 0);
  secret.copy(body, 4);
  return message(backend.backendKeyData, body);
}

/**
 * Said once, when the client asked for a newer minor version or for options nobody here knows.
 *
 * @param minorVersion what is spoken then: never newer than asked for, which clients take for an error
 */
export function negotiateProtocolVersion(minorVersion: number, options: readonly string[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE((3 << 16) | minorVersion, 0);
  head.writeUInt32BE(options.length, 4);
  const names = Buffer.from(options.map((name) => `${name}\0`).join(''));
  return message(backend.negotiateProtocolVersion, Buffer.concat([head, names]));
}

export function authentication(code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(4 + data.length);
  body.writeInt32BE(code, 0);
  data.copy(body, 4);
  return message(backend.authentication, body);
}

export const authenticationCode = { ok: 0, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

export function commandComplete(tag: string): Buffer {
  return message(backend.commandComplete, Buffer.from(`${tag}\0`));
}

const empty = Buffer.alloc(0);
export const parseComplete = message(backend.parseComplete, empty);
export const bindComplete = message(backend.bindComplete, empty);
export const closeComplete = message(backend.closeComplete, empty);
export const noData = message(backend.noData, empty);
export const emptyQueryResponse = message(backend.emptyQueryResponse, empty);
export const noParameters = message(backend.parameterDescription, Buffer.alloc(2));

const readyMessages = new Map(
  Object.values(transactionStatus).map((status) => [
    status,
    message(backend.readyForQuery, Buffer.from([status])),
  ]),
);

export function readyForQuery(status: number): Buffer {
  return readyMessages.get(status as 0x49) ?? message(backend.readyForQuery, Buffer.from([status]));
}

/** A result of text columns, as the admin database answers. */
export function textRows(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Buffer {
  const described = columns.map((name) => {
    const tail = Buffer.alloc(18);
    // Type text (oid 25) of variable size, in text format.
    tail.writeInt32BE(25, 6);
    tail.writeInt16BE(-1, 10);
    tail.writeInt32BE(-1, 12);
    return Buffer.concat([Buffer.from(`${name}\0`), tail]);
  });
  const description = message(backend.rowDescription, Buffer.concat([int16(columns.length), ...described]));
  const data = rows.map((row) =>
    message(backend.dataRow, Buffer.concat([int16(row.length), ...row.flatMap(textValue)])),
  );
  return Buffer.concat([description, ...data]);
}

function textValue(value: string | null): Buffer[] {
  if (value === null) return [int32(-1)];
  const bytes = Buffer.from(value);
  return [int32(bytes.length), bytes];
}

export function query(text: string): Buffer {
  return message(frontend.query, Buffer.from(`${text}\0`));
}

export function parse(name: string, text: string): Buffer {
  return message(frontend.parse, Buffer.concat([Buffer.from(`${name}\0${text}\0`), int16(0)]));
}

/** All parameters and results in text format. */
export function bind(portal: string, name: string, values: readonly string[]): Buffer {
  const parts = [Buffer.from(`${portal}\0${name}\0`), int16(0), int16(values.length)];
  return message(frontend.bind, Buffer.concat([...parts, ...values.flatMap(textValue), int16(0)]));
}

export function execute(portal: string): Buffer {
  return message(frontend.execute, Buffer.concat([Buffer.from(`${portal}\0`), int32(0)]));
}

export function close(kind: 'S' | 'P', name: string): Buffer {
  return message(frontend.close, Buffer.from(`${kind}${name}\0`));
}

export const sync = message(frontend.sync, empty);
export const terminate = message(frontend.terminate, empty);

export function password(body: Buffer): Buffer {
  return message(frontend.password, body);
}

/** The text values of a whole DataRow, null where SQL has NULL. @returns null for what is none */
export function readRow(buffer: Buffer, start: number, end: number): (string | null)[] | null {
  let position = start + headerBytes + 2;
  if (position > end) return null;
  const count = buffer.readInt16BE(start + headerBytes);
  const values: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    if (position + 4 > end) return null;
    const length = buffer.readInt32BE(position);
    position += 4;
    if (length < 0) {
      values.push(null);
      continue;
    }
    if (position + length > end) return null;
    values.push(buffer.toString('utf8', position, position + length));
    position += length;
  }
  return values;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value, 0);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}
