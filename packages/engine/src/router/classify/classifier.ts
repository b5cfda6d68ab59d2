import { factsOf, noFacts, type StatementFacts } from './facts.ts';
import { normalise, usualOptions } from './normalise.ts';
import { StatementTimes } from './statement-times.ts';

const keyLengthMax = 8192;
const entriesMax = 20_000;

export interface Statement {
  /** The statement without its literals; one string object for all that are alike. */
  key: string;
  facts: StatementFacts;
  /** It changes nothing that outlives its transaction. */
  isPlain: boolean;
  /** Filled in by whoever measures. */
  times: StatementTimes;
  /** A replica refused it: it writes after all. */
  isRefusedByReplicas: boolean;
}

const unreadable = statementOf('', {
  ...noFacts,
  isSingle: false,
  pin: 'a statement that cannot be read',
});

/** Too long to be looked into. */
export const oversize = statementOf('', {
  ...noFacts,
  isSingle: false,
  pin: 'a statement too long to look into',
});

/** Knows statements by their key, and reads each kind once. Bounded: the oldest are forgotten. */
export class Classifier {
  private readonly known = new Map<string, Statement>();
  private readonly knownEscaping = new Map<string, Statement>();

  /** @param isEscaping the session has `standard_conforming_strings = off` */
  classify(text: Buffer, range: { start: number; end: number }, isEscaping: boolean): Statement {
    const options = isEscaping ? { ...usualOptions, backslashEscapes: true } : usualOptions;
    const key = normalise(text, range, options);
    // PostgreSQL will not understand it either; if it does, the session keeps its server.
    if (key === null) return unreadable;
    const known = isEscaping ? this.knownEscaping : this.known;
    const found = known.get(key) ?? statementOf(key, factsOf(key));
    // One too long to be remembered is read each time.
    if (key.length <= keyLengthMax && !known.has(key)) remember(known, key, found);
    if (!found.facts.needsLiterals) return found;
    const withLiterals = normalise(text, range, { ...options, keepLiterals: true });
    return withLiterals === null ? unreadable : statementOf(key, factsOf(withLiterals));
  }
}

function remember(known: Map<string, Statement>, key: string, statement: Statement): void {
  if (known.size >= entriesMax) {
    const oldest = known.keys().next();
    if (!oldest.done) known.delete(oldest.value);
  }
  known.set(key, statement);
}

function statementOf(key: string, facts: StatementFacts): Statement {
  const changes = facts.settings.length > 0 || facts.resetsAll || facts.rereads || facts.pin !== null;
  const isPlain = !changes && !facts.unpins && !facts.chains && facts.deallocates === null;
  return { key, facts, isPlain, times: new StatementTimes(), isRefusedByReplicas: false };
}
