import type { PreparedStatement } from '../pool/prepared.ts';

/** Whom the answers are for. */
export interface ServerUser {
  forward(buffer: Buffer, start: number, end: number): void;
  flush(): void;
  /** A ReadyForQuery has been forwarded, and nothing else was asked. */
  settled(status: number): void;
  /** An ErrorResponse is about to be forwarded. */
  failed(sqlState: string): void;
  lost(loss: ServerLoss): void;
  /** Whether this error is not to be told, because what was asked is asked again elsewhere. */
  retriesAfter(sqlState: string, routine: string): boolean;
  /** The server is ready again after such an error. */
  again(): void;
  /** What was written to the server has been taken after a time of waiting. */
  serverDrained(): void;
  /** Whether it is to be told of a parameter that has changed. */
  wantsParameter(name: string): boolean;
  /** A Parse (or Close) was not carried out, because something before it failed. */
  undone(item: PreparedItem): void;
}

export interface ServerLoss {
  /** As of the last ReadyForQuery. */
  status: number;
  /** Something was asked that has not been answered to its end. */
  isAsked: boolean;
  /** What was answered since the last Sync is neither committed nor rolled back: that Sync has not been sent. */
  isOpen: boolean;
  /** After an error everything is ignored up to a Sync that has not been sent. */
  isSkipping: boolean;
  /** What (`expect`), in order. */
  asked: number[];
  /** The client has got a part of a message: it cannot be told anything any more. */
  isCutMessage: boolean;
  /** SQLSTATE and message when PostgreSQL has said why. */
  detail: string;
}

/** A conversation of the router's own: everything up to the ReadyForQuery is for it. */
export interface Internal {
  /** Whole, always. */
  message(type: number, buffer: Buffer, start: number, end: number): void;
  /** Instead of a message that is longer than what is collected for it. */
  tooLong(): void;
  done(): void;
  lost(): void;
}

export interface PreparedItem {
  kind: 'parse' | 'close';
  statement: PreparedStatement;
  /** What the client calls it. */
  name: string;
  /** Of one that others may use as well: what the server calls it. */
  serverName?: string;
}

/** What stands beside an expectation. */
export type Expected = Internal | PreparedItem;
