import { frontend } from '../protocol/codes.ts';

/** What a client has said while nothing could be done about it. */
export class Postponed {
  private parts: Buffer[] = [];
  bytes = 0;

  /** @param bytes kept as they are: nobody else may write there */
  add(bytes: Buffer): void {
    this.parts.push(bytes);
    this.bytes += bytes.length;
  }

  addFirst(bytes: Buffer): void {
    if (bytes.length > 0) this.parts.unshift(bytes);
    this.bytes += bytes.length;
  }

  /** It begins with what is answered up to a ReadyForQuery. */
  get isSimple(): boolean {
    const type = this.parts[0]?.[0];
    return type === frontend.query || type === frontend.functionCall;
  }

  take(): Buffer {
    const [only = nothing] = this.parts;
    const all = this.parts.length <= 1 ? only : Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    return all;
  }
}

const nothing = Buffer.alloc(0);
