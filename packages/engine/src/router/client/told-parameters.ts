import { literalsOf } from '../classify/literals.ts';
import { parameterStatus } from '../protocol/build.ts';
import { transactionStatus } from '../protocol/codes.ts';
import { untoldParameters as untold } from '../server/reported-parameters.ts';
import type { ServerConnection } from '../server/server-connection.ts';

/** Not ASCII-safe: a quote or a backslash may be half of a character. */
const unsafeEncodings = new Set(['SJIS', 'BIG5', 'GBK', 'UHC', 'GB18030', 'JOHAB', 'SHIFT_JIS_2004']);

/** What a client believes of the server's parameters, kept true when it gets another server. */
export class ToldParameters {
  private readonly told: Map<string, string>;
  private text = '';
  /** Backslashes escape in ordinary strings. Asked for every statement. */
  isEscaping = false;
  /** By which of them constants in a statement's text are read. */
  literals = '';
  /** Something that may change how they are read may not have been answered yet. */
  isUnsure = false;

  constructor(told: Map<string, string>) {
    this.told = told;
    this.look();
  }

  get isUnsafeEncoding(): boolean {
    return unsafeEncodings.has(this.told.get('client_encoding') ?? '');
  }

  isTrueOf(server: ServerConnection): boolean {
    if (this.text === server.reported) return true;
    for (const [name, value] of server.parameters)
      if (!untold.has(name) && this.told.get(name) !== value) return false;
    this.text = server.reported;
    return true;
  }

  /** ParameterStatus messages for whatever differs. */
  tell(server: ServerConnection, say: (bytes: Buffer) => void): void {
    for (const [name, value] of server.parameters) {
      if (this.told.get(name) === value || untold.has(name)) continue;
      this.told.set(name, value);
      say(parameterStatus(name, value));
    }
    this.look();
    this.text = server.reported;
  }

  /** They were forwarded as they came, but for those that are about to go back to what they were. */
  heard(server: ServerConnection, isGoingBack: (name: string) => boolean): void {
    let isAllTold = true;
    for (const [name, value] of server.parameters) {
      if (untold.has(name)) continue;
      if (isGoingBack(name)) isAllTold = false;
      else this.told.set(name, value);
    }
    this.look();
    this.text = isAllTold ? server.reported : '';
  }

  /** How constants are read on its server at the moment; null: what has been asked there may change it first. */
  literalsOn(server: ServerConnection): string | null {
    if (this.isUnsure) {
      if (server.outstanding > 0 || server.expected.needsSync) return null;
      // In a transaction its end may take back what has been answered.
      if (server.status === transactionStatus.idle) this.isUnsure = false;
    }
    return this.isTrueOf(server) ? this.literals : literalsOf(server.parameters);
  }

  private look(): void {
    this.literals = literalsOf(this.told);
    this.isEscaping = this.told.get('standard_conforming_strings') === 'off';
  }
}
