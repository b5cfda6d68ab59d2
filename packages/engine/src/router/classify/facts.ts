import { notCalled, primaryOnly, redefined, rowLocks, sessionLocks, writingWords } from './grammar-words.ts';
import { isReadBy } from './literals.ts';
import { isSettingName } from './setting-name.ts';

/** What the router has to know of a statement before it forwards it (pure). */

export const pinReasons = [
  'LISTEN',
  'temporary table',
  'session advisory lock',
  'cursor WITH HOLD',
  'PREPARE in SQL',
  'LOAD',
  'SET SESSION AUTHORIZATION',
  'a setting with a computed name',
  'a setting with an odd name',
  'a statement too long to look into',
  'a setting too long to be carried',
  'a statement that cannot be read',
  'a client encoding that is not ASCII-safe',
  'session mode',
] as const;
export type PinReason = (typeof pinReasons)[number];

export type StatementKind =
  | 'empty'
  | 'select'
  | 'begin'
  | 'commit'
  | 'rollback'
  /** The first half of a two-phase commit: what comes of it outlives the session, and its server. */
  | 'prepare-transaction'
  | 'set'
  | 'deallocate'
  | 'discard'
  | 'other';

export interface StatementFacts {
  /** Of the only statement; `other` for several in one string. */
  kind: StatementKind;
  isSingle: boolean;
  /** Session settings it changes for longer than its transaction, by name; a reset is a change too. */
  settings: readonly string[];
  /** RESET ALL, DISCARD ALL. */
  resetsAll: boolean;
  /** RESET of these names: what the client gave at its start counts again. */
  resets: readonly string[];
  /** Why the session can only go on with the server this runs on. */
  pin: PinReason | null;
  /** DISCARD ALL ends every reason to be pinned. */
  unpins: boolean;
  /** Of protocol-level statements: the name, or all of them. */
  deallocates: { name: string } | 'all' | null;
  /** Nothing in its text writes, locks or depends on the session; the functions it calls have to be looked up. */
  looksReadOnly: boolean;
  functions: readonly string[];
  /** BEGIN READ ONLY without SERIALIZABLE. */
  beginsReadOnly: boolean;
  /** COMMIT or ROLLBACK with which the next transaction begins. */
  chains: boolean;
  hint: 'primary' | 'replica' | null;
  /** It may change how constants in statements' texts are read, if only for its transaction. */
  rereads: boolean;
  /** It may have changed what other statements do: a function, a view, an operator is another one from here on. */
  redefines: boolean;
  /** It can only be understood with its literals: not to be remembered under its key. */
  needsLiterals: boolean;
}

export const noFacts: StatementFacts = {
  kind: 'other',
  isSingle: true,
  settings: [],
  resetsAll: false,
  resets: [],
  pin: null,
  unpins: false,
  deallocates: null,
  looksReadOnly: false,
  functions: [],
  beginsReadOnly: false,
  chains: false,
  hint: null,
  rereads: false,
  redefines: false,
  needsLiterals: false,
};

/** @param key as `normalise` made it */
export function factsOf(key: string): StatementFacts {
  const facts = factsOfAll(key);
  // A name written in Unicode escapes may be any name, also that of a function that writes or of a setting.
  if (!key.includes('u&"')) return facts;
  return { ...facts, pin: facts.pin ?? 'a statement that cannot be read', looksReadOnly: false };
}

function factsOfAll(key: string): StatementFacts {
  const statements = split(tokensOf(key));
  const hint = hintOf(key);
  const [only = []] = statements;
  if (statements.length <= 1) return { ...factsOfOne(only), hint };
  const all = statements.map(factsOfOne);
  return {
    ...noFacts,
    isSingle: false,
    settings: all.flatMap((each) => each.settings),
    resetsAll: all.some((each) => each.resetsAll),
    resets: all.flatMap((each) => each.resets),
    pin: all.find((each) => each.pin !== null)?.pin ?? null,
    deallocates: all.some((each) => each.deallocates === 'all') ? 'all' : null,
    rereads: all.some((each) => each.rereads),
    redefines: all.some((each) => each.redefines),
    needsLiterals: all.some((each) => each.needsLiterals),
    hint,
  };
}

const tokenForm =
  /"(?:[^"]|"")*"|'(?:[^']|'')*'|[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*|\$\d+|[?0-9][0-9a-z_.]*|[^\s]/g;

function tokensOf(key: string): string[] {
  return key.replace(/\/\*.*?\*\//gs, ' ').match(tokenForm) ?? [];
}

/** Every name that stands in it, as PostgreSQL's catalogue would write it. */
export function namesIn(key: string): string[] {
  return tokensOf(key)
    .filter((token) => /^["a-z_\x80-\xff]/.test(token))
    .map(unquoted);
}

function hintOf(key: string): StatementFacts['hint'] {
  const [, word] = /\/\* *quantadb: *(primary|replica) *\*\//.exec(key) ?? [];
  return word === 'primary' || word === 'replica' ? word : null;
}

/** Semicolons inside of parentheses (CREATE RULE) or of BEGIN ATOMIC bodies make no statement of their own: they count as if. */
function split(tokens: string[]): string[][] {
  const statements: string[][] = [[]];
  for (const token of tokens) {
    if (token === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((each) => each.length > 0);
}

function factsOfOne(tokens: string[]): StatementFacts {
  const words = tokens[0] === '(' ? tokens.slice(tokens.findIndex((token) => token !== '(')) : tokens;
  const [first = ''] = words;
  const called = calledFunctions(words);
  const locks = called.some((name) => sessionLocks.has(bare(name)));
  const isInTemporary = words.includes('pg_temp') || words.includes('"pg_temp"');
  const temporary = isInTemporary || (words.includes('into') && isTemporary(words, 'into'));
  const configured = configuredBy(words, called);
  const own = byFirstWord[first]?.(words) ?? noFacts;
  return {
    ...own,
    kind: tokens.length === 0 ? 'empty' : own.kind,
    settings: [...own.settings, ...configured.settings],
    needsLiterals: configured.needsLiterals,
    rereads: own.rereads || configured.rereads,
    pin:
      own.pin ??
      configured.pin ??
      (locks ? 'session advisory lock' : temporary ? 'temporary table' : oddName(own.settings)),
    looksReadOnly:
      own.kind === 'select' && !locks && !temporary && looksReadOnly(words) && configured === noFacts,
    functions: own.kind === 'select' ? called : [],
    redefines: changesCatalogue.has(first) && words.some((word) => redefined.has(word)),
  };
}

const changesCatalogue = new Set(['create', 'alter', 'drop']);

type Reader = (words: string[]) => StatementFacts;

const select: Reader = () => ({ ...noFacts, kind: 'select' });
const commit: Reader = (words) =>
  // COMMIT PREPARED is no end of this transaction.
  words.includes('prepared') ? noFacts : { ...noFacts, kind: 'commit', chains: isChaining(words) };
const rollback: Reader = (words) =>
  words.includes('prepared') || words.includes('to')
    ? noFacts
    : { ...noFacts, kind: 'rollback', chains: isChaining(words) };
const isChaining = (words: string[]) => words.includes('chain') && !words.includes('no');
const begin: Reader = (words) => {
  const text = words.join(' ');
  const isReadOnly = /\bread only\b/.test(text) && !/\bserializable\b/.test(text);
  return { ...noFacts, kind: 'begin', beginsReadOnly: isReadOnly };
};
const pinned =
  (pin: PinReason): Reader =>
  () => ({ ...noFacts, pin });

const byFirstWord: Record<string, Reader | undefined> = {
  select,
  values: select,
  table: select,
  with: select,
  begin,
  start: begin,
  commit,
  end: commit,
  rollback,
  abort: rollback,
  set: setFacts,
  reset: resetFacts,
  listen: pinned('LISTEN'),
  load: pinned('LOAD'),
  prepare: (words) =>
    words[1] === 'transaction'
      ? { ...noFacts, kind: 'prepare-transaction' }
      : { ...noFacts, pin: 'PREPARE in SQL' },
  deallocate: (words) => {
    const name = words[1] === 'prepare' ? words[2] : words[1];
    if (name === undefined) return noFacts;
    return { ...noFacts, kind: 'deallocate', deallocates: name === 'all' ? 'all' : { name: unquoted(name) } };
  },
  discard: (words) =>
    words[1] === 'all'
      ? { ...noFacts, kind: 'discard', resetsAll: true, rereads: true, unpins: true, deallocates: 'all' }
      : noFacts,
  declare: (words) =>
    / with hold\b/.test(words.join(' ')) ? { ...noFacts, pin: 'cursor WITH HOLD' } : noFacts,
  create: (words) => {
    const isKept = isTemporaryWord(words.slice(1).find((word) => !beforeTemporary.has(word)));
    const endsWithTransaction = / on commit drop\b/.test(words.join(' '));
    return isKept && !endsWithTransaction ? { ...noFacts, pin: 'temporary table' } : noFacts;
  },
};

const characteristics = [
  'default_transaction_isolation',
  'default_transaction_read_only',
  'default_transaction_deferrable',
];

function setFacts(words: string[]): StatementFacts {
  const rest = words[1] === 'session' && words[2] !== 'characteristics' ? words.slice(2) : words.slice(1);
  const set = (...settings: string[]): StatementFacts => {
    return { ...noFacts, kind: 'set', settings, rereads: settings.some(isReadBy) };
  };
  switch (rest[0]) {
    case undefined:
      return noFacts;
    case 'local':
      return { ...noFacts, rereads: setFacts(words.slice(1)).rereads };
    case 'transaction':
    case 'constraints':
      return noFacts;
    case 'authorization':
      return { ...noFacts, kind: 'set', pin: 'SET SESSION AUTHORIZATION' };
    case 'session':
      return set(...characteristics);
    case 'time':
      return set('timezone');
    case 'names':
      return set('client_encoding');
    case 'schema':
      return set('search_path');
    case 'xml':
      return set('xmloption');
    default:
      return set(settingName(rest));
  }
}

function resetFacts(words: string[]): StatementFacts {
  if (words[1] === 'all') return { ...noFacts, kind: 'set', resetsAll: true, rereads: true };
  if (words[1] === 'session') return { ...noFacts, kind: 'set', settings: ['role'] };
  const name = words[1] === 'time' ? 'timezone' : settingName(words.slice(1));
  return { ...noFacts, kind: 'set', settings: [name], resets: [name], rereads: isReadBy(name) };
}

/** `a` or `a.b`, up to what follows the name. */
function settingName(words: string[]): string {
  const stop = words.findIndex((word, index) => index % 2 === 1 && word !== '.');
  return (stop < 0 ? words : words.slice(0, stop)).map(unquoted).join('').toLowerCase();
}

const computed: StatementFacts = {
  ...noFacts,
  needsLiterals: true,
  rereads: true,
  pin: 'a setting with a computed name',
};

/** `set_config('name', value, is_local)`: what is local ends with its transaction. The view of settings calls it when it is updated. */
function configuredBy(words: string[], called: string[]): StatementFacts {
  if (words.includes('update') && words.some((word) => unquoted(word) === 'pg_settings'))
    return { ...computed, needsLiterals: false };
  if (!called.some((name) => bare(name) === 'set_config')) return noFacts;
  const text = words.join(' ');
  if (!text.includes("'")) return computed;
  const calls = text.split(/(?:"set_config"|\bset_config) \( /).slice(1);
  const names: string[] = [];
  let rereads = false;
  for (const call of calls) {
    const name = /^'((?:[^']|'')*)' ,/.exec(call)?.[1]?.toLowerCase();
    rereads ||= name === undefined || isReadBy(name);
    const isLocal =
      /^(?:'(?:[^']|'')*'|\$\d+) , (?:'(?:[^']|'')*'|\$\d+|[?0-9.]+)(?: : : [a-z]+)? , (?:true|'t'|'true'|'on'|'1'|1 : : bool) \)/.test(
        call,
      );
    if (isLocal) continue;
    if (name === undefined) return computed;
    names.push(name);
  }
  return { ...noFacts, settings: names, needsLiterals: true, rereads, pin: oddName(names) };
}

/** PostgreSQL takes settings of such a name, and no server is ever asked for one: what cannot be asked for cannot follow. */
function oddName(settings: readonly string[]): PinReason | null {
  return settings.every(isSettingName) ? null : 'a setting with an odd name';
}

function looksReadOnly(words: string[]): boolean {
  return !words.some((word, index) => {
    if (writingWords.has(word) || primaryOnly.has(word)) return true;
    return word === 'for' && rowLocks.has(words[index + 1] ?? '');
  });
}

function calledFunctions(words: string[]): string[] {
  const called = new Set<string>();
  for (let i = 1; i < words.length; i++) {
    if (words[i] !== '(') continue;
    const word = words[i - 1] ?? '';
    if (!/^["a-z_\x80-\xff]/.test(word)) continue;
    const isQualified = words[i - 2] === '.';
    if (!isQualified && notCalled.has(word)) continue;
    // The name of a common table expression has its columns in parentheses: looked up as a function, it is not found.
    called.add(isQualified ? `${unquoted(words[i - 3] ?? '')}.${unquoted(word)}` : unquoted(word));
  }
  return [...called];
}

function isTemporary(words: string[], after: string): boolean {
  return isTemporaryWord(words[words.indexOf(after) + 1]);
}

function isTemporaryWord(word: string | undefined): boolean {
  return word === 'temp' || word === 'temporary';
}

/** What may stand between CREATE and TEMPORARY. */
const beforeTemporary = new Set(['or', 'replace', 'global', 'local']);

function bare(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function unquoted(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word;
}
