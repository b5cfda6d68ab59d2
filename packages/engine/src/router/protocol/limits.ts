import { backend, frontend } from './codes.ts';

/** How the cursor hands a kind of message over. */
export const handling = {
  /** No message of this protocol. */
  unknown: 0,
  /** In one piece, always. */
  whole: 1,
  /** In one piece up to the limit, in several above it. */
  wholeIfSmall: 2,
  /** As it comes. */
  streamed: 3,
} as const;

/** What a direction of the protocol allows (pure): one entry for every possible first byte. */
export interface MessageRules {
  readonly handlingOf: Uint8Array;
  /** Bytes after the first one; of `streamed` and `wholeIfSmall` messages up to `bodyMax`. */
  readonly wholeMax: Int32Array;
  /** The first piece of a message in pieces has at least this many bytes, if the message has. */
  readonly headBytes: Int32Array;
  readonly bodyMax: number;
}

const kib = 1024;
const mib = 1024 * kib;
/** What PostgreSQL itself allows (PQ_LARGE_MESSAGE_LIMIT is 1 GiB - 1). */
const largestBody = 0x3fffffff;
const nameHeadBytes = 2 * kib;

/** A statement longer than this is never looked into: it is forwarded as it comes. */
export const inspectedQueryBytesMax = mib;
/** Of a Parse message: it is kept to be repeated on another server. */
const parseBytesMax = 16 * mib;

type Rule = [code: number, how: number, wholeMax: number, headBytes?: number];

function rules(entries: readonly Rule[]): MessageRules {
  const made = {
    handlingOf: new Uint8Array(256),
    wholeMax: new Int32Array(256),
    headBytes: new Int32Array(256),
    bodyMax: largestBody,
  };
  for (const [code, how, wholeMax, headBytes = 5] of entries) {
    made.handlingOf[code] = how;
    made.wholeMax[code] = wholeMax;
    made.headBytes[code] = headBytes;
  }
  return made;
}

const { whole, wholeIfSmall, streamed } = handling;

export const frontendRules = rules([
  [frontend.query, wholeIfSmall, inspectedQueryBytesMax],
  [frontend.parse, whole, parseBytesMax],
  [frontend.bind, wholeIfSmall, 64 * kib, nameHeadBytes],
  [frontend.describe, whole, nameHeadBytes],
  [frontend.close, whole, nameHeadBytes],
  [frontend.execute, whole, nameHeadBytes],
  [frontend.flush, whole, 4],
  [frontend.sync, whole, 4],
  [frontend.functionCall, streamed, 0],
  [frontend.copyData, streamed, 0],
  [frontend.copyDone, whole, 4],
  [frontend.copyFail, whole, 64 * kib],
  [frontend.password, whole, 64 * kib],
  [frontend.terminate, whole, 4],
]);

export const backendRules = rules([
  [backend.authentication, whole, 64 * kib],
  [backend.backendKeyData, whole, 512],
  [backend.bindComplete, whole, 4],
  [backend.closeComplete, whole, 4],
  [backend.commandComplete, whole, 64 * kib],
  [backend.copyData, streamed, 0],
  [backend.copyDone, whole, 4],
  [backend.copyInResponse, whole, 64 * kib],
  [backend.copyOutResponse, whole, 64 * kib],
  [backend.copyBothResponse, whole, 64 * kib],
  [backend.dataRow, streamed, 0],
  [backend.emptyQueryResponse, whole, 4],
  [backend.errorResponse, whole, 4 * mib],
  [backend.functionCallResponse, streamed, 0],
  [backend.negotiateProtocolVersion, whole, 64 * kib],
  [backend.noData, whole, 4],
  [backend.noticeResponse, whole, 4 * mib],
  [backend.notificationResponse, streamed, 0],
  [backend.parameterDescription, streamed, 0],
  [backend.parameterStatus, whole, mib],
  [backend.parseComplete, whole, 4],
  [backend.portalSuspended, whole, 4],
  [backend.readyForQuery, whole, 5],
  [backend.rowDescription, streamed, 0],
]);
