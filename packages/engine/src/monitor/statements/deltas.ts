import { type StatementFigures, statementsTopMax, statementTextMax } from '../../contract/statements.ts';

/** What was spent between two looks at counters that only grow, until they begin anew (pure). */

export interface CountedStatement extends StatementFigures {
  queryId: string;
  user: string;
  database: string;
  /** Who, where and what, as one word. */
  key: string;
}

export interface StatementLook {
  /** When all counters began anew; another value: they did since. */
  since: string;
  /** Every statement there is was looked at, so that one which was not there before is new. */
  isWhole: boolean;
  statements: CountedStatement[];
}

export interface Spent {
  /** What most time was spent on, most first. */
  top: CountedStatement[];
  rest: StatementFigures;
}

export const nothing: StatementFigures = {
  ...{ calls: 0, totalMs: 0, rows: 0, blocksHit: 0, blocksRead: 0, tempBlocks: 0, walBytes: 0 },
};

export function spentBetween(before: StatementLook, now: StatementLook): Spent {
  const isReset = before.since !== now.since;
  const known = new Map(isReset ? [] : before.statements.map((statement) => [statement.key, statement]));
  const spent = now.statements.flatMap((statement) => {
    const former = known.get(statement.key);
    // Of one that an incomplete look may have passed over nobody knows when it was spent.
    if (!former && !isReset && !before.isWhole) return [];
    // Most of thousands have not run in a minute.
    if (former && former.calls === statement.calls && former.totalMs === statement.totalMs) return [];
    // A counter that has become smaller was thrown out and began anew: all of it is since then.
    const isNew = !former || former.calls > statement.calls || former.totalMs > statement.totalMs;
    const figures = isNew ? statement : minus(statement, former);
    return figures.calls > 0 || figures.totalMs > 0 ? [{ ...statement, ...figures }] : [];
  });
  spent.sort((one, other) => other.totalMs - one.totalMs);
  return {
    top: spent.slice(0, statementsTopMax),
    rest: spent.slice(statementsTopMax).reduce<StatementFigures>(plus, nothing),
  };
}

function minus(one: StatementFigures, other: StatementFigures): StatementFigures {
  return combined(one, other, (mine, theirs) => Math.max(0, mine - theirs));
}

function plus(one: StatementFigures, other: StatementFigures): StatementFigures {
  return combined(one, other, (mine, theirs) => mine + theirs);
}

function combined(
  one: StatementFigures,
  other: StatementFigures,
  how: (mine: number, theirs: number) => number,
): StatementFigures {
  return {
    calls: how(one.calls, other.calls),
    totalMs: how(one.totalMs, other.totalMs),
    rows: how(one.rows, other.rows),
    blocksHit: how(one.blocksHit, other.blocksHit),
    blocksRead: how(one.blocksRead, other.blocksRead),
    tempBlocks: how(one.tempBlocks, other.tempBlocks),
    walBytes: how(one.walBytes, other.walBytes),
  };
}

/**
 * Literals of plain statements are $1, $2, … in what PostgreSQL keeps; those of commands (CREATE ROLE … PASSWORD '…',
 * CREATE SUBSCRIPTION … CONNECTION '…') stay as they were written, and a secret among them goes nowhere.
 */
export function tellableText(text: string): string | null {
  const hasLiteral = /'|\$[A-Za-z_]*\$/.test(text);
  if (hasLiteral && /passw|secret|connection|user\s+mapping/i.test(text)) return null;
  return text.slice(0, statementTextMax);
}
