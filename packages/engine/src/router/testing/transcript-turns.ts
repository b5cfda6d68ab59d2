import { message } from '../protocol/build.ts';
import { frontend } from '../protocol/codes.ts';

export const flush = message(frontend.flush, Buffer.alloc(0));

export interface Turn {
  /** Sent at once. */
  send: Buffer[];
  /** So many messages of this type are awaited then. */
  count: number;
  type: string;
}

export interface Session {
  name: string;
  turns: Turn[];
}

export const turn = (count: number, ...send: Buffer[]): Turn => ({ send, count, type: 'Z' });
/** Without a ReadyForQuery: up to a message of that type. */
export const upTo = (type: string, ...send: Buffer[]): Turn => ({ send, count: 1, type });
