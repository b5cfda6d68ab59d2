import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { Classifier } from './classifier.ts';
import { corpus } from './corpus.ts';
import { notCalled, seldomCalled } from './grammar-words.ts';

/** PostgreSQL's own parser is the judge here; the router does without it (docs/adr/0008). */
beforeAll(() => loadModule());

const classifier = new Classifier();
const all = [...corpus.read, ...corpus.write, ...corpus.careful];

function factsOf(text: string) {
  const bytes = Buffer.from(text);
  return classifier.classify(bytes, { start: 0, end: bytes.length }, false).facts;
}

interface Verdict {
  isRead: boolean;
  /** As they are written; what the grammar itself makes a call of is PostgreSQL's own and writes nothing. */
  functions: Set<string>;
}

/** @returns null for what PostgreSQL does not understand: it does nothing then */
function judge(text: string): Verdict | null {
  let tree: { stmts?: { stmt: object }[] };
  try {
    tree = parseSync(text) as typeof tree;
  } catch {
    return null;
  }
  const [only, second] = tree.stmts ?? [];
  const verdict = {
    isRead: only !== undefined && !second && 'SelectStmt' in only.stmt,
    functions: new Set<string>(),
  };
  look(only?.stmt, verdict);
  return verdict;
}

const writing = new Set([
  'intoClause',
  'lockingClause',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

function look(node: unknown, verdict: Verdict): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (writing.has(name)) verdict.isRead = false;
    if (name === 'FuncCall' && value.funcformat !== 'COERCE_SQL_SYNTAX')
      verdict.functions.add(value.funcname.at(-1).String.sval);
    look(value, verdict);
  }
}

/** Made of SIMILAR TO; or looked for by its name alone, wherever it stands. */
const isSeen = (name: string) => name === 'similar_to_escape' || seldomCalled.includes(name);

function expectStricter(text: string): void {
  const facts = factsOf(text);
  const verdict = judge(text);
  if (!facts.looksReadOnly || verdict === null) return;
  expect(verdict.isRead, text).toBe(true);
  const listed = new Set(facts.functions.map((name) => name.slice(name.lastIndexOf('.') + 1)));
  const missing = [...verdict.functions].filter((name) => !listed.has(name) && !isSeen(name));
  expect(missing, text).toEqual([]);
}

describe('statements of every kind', () => {
  it.each(corpus.read)('read: %s', (text) => expect(factsOf(text).looksReadOnly).toBe(true));
  it.each(corpus.write)('write: %s', (text) => expect(factsOf(text).looksReadOnly).toBe(false));
  it.each(corpus.careful)('careful: %s', (text) => expect(factsOf(text).looksReadOnly).toBe(false));

  it('are written as PostgreSQL writes them, all but the broken ones', () => {
    const broken = all.filter((text) => text !== '' && judge(text) === null);
    expect(broken).toEqual(corpus.write.filter((text) => / open|['"]open/.test(text)));
  });
});

describe('beside the parser of PostgreSQL (I-ROUTER-11)', () => {
  it('what is taken for a read is one, and every function it calls is listed', () => {
    for (const text of all) expectStricter(text);
  });

  it('words that are no functions beside a parenthesis are none, or are looked for by name', () => {
    const called = [...notCalled].filter((word) => judge(`SELECT ${word}(1)`)?.functions.has(word));
    expect(called.filter((word) => !seldomCalled.includes(word))).toEqual([]);
  });

  it('also when statements are cut up and put together at random', () => {
    const words = all.flatMap((text) => text.match(/'[^']*'|"[^"]*"|\$\$[^$]*\$\$|\w+|\s+|./gs) ?? []);
    const signs = ["'", '"', '$$', '/*', '*/', '--', '\n', ';', '(', ')', ' ', 'E', 'U&', '\\', '$a$', "''"];
    const calls = [
      'over(1)',
      'by (a)',
      'like(a)',
      '"nextval"(1)',
      'x."F" (2)',
      'substring(a, 1)',
      'left(a, 1)',
      'f/**/(1)',
    ];
    const beginning = fc.constantFrom('SELECT ', 'WITH x AS (', 'TABLE ', 'VALUES (', '(SELECT ', '');
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...words) },
      { weight: 1, arbitrary: fc.constantFrom(...signs, ...calls) },
      { weight: 1, arbitrary: fc.constantFrom(...all) },
    );
    const joined = fc.tuple(beginning, fc.array(piece, { maxLength: 12 }));
    fc.assert(
      fc.property(joined, ([first, rest]) => expectStricter(first + rest.join(' '))),
      { numRuns: 2_000 },
    );
  });
});
