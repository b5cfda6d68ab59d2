import type { Statement } from '../classify/classifier.ts';
import { tellOwnSetting } from './out-of-turn.ts';
import type { SessionView } from './session-view.ts';

/** What a statement changes for longer than its transaction, noted before it is sent. */
export function noteStatement(session: SessionView, statement: Statement): void {
  const { context, flight } = session;
  context.counters.statements++;
  flight.asked(statement, context.isProvenRead(statement));
  flight.time(statement, context.nowMs());
  if (statement.isPlain) return;
  const { facts } = statement;
  session.settings.touched(facts);
  if (facts.rereads) session.told.isUnsure = true;
  if (facts.chains && facts.kind === 'commit') session.settings.settled();
  if (facts.kind === 'set') tellOwnSetting(session, facts.settings);
  if (facts.pin) session.pinTo(facts.pin);
  if (facts.unpins) session.pinned.endLater();
  if (facts.deallocates !== 'all') return;
  session.named.removeAll();
  session.server?.statements.forgetAll();
}
