import { noticeResponse, type PostgresError } from '../protocol/build.ts';
import type { SessionSettings } from '../server/settings-sync.ts';
import type { LinkOwner } from './server-link.ts';
import type { SessionView } from './session-view.ts';
import { ownPrefix } from './startup-options.ts';

const canceled: PostgresError = {
  severity: 'ERROR',
  sqlState: '57014',
  message: 'canceling statement due to user request',
};

/** A client's cancel request. What waits for a server is answered here; nothing runs for it anywhere else then. */
export function cancelWhatRuns(session: SessionView & LinkOwner): void {
  const { server, context, flight } = session;
  if (session.shared.cancel()) return;
  if (session.isWaiting && (!server || session.reign.isHolding)) {
    context.group.abandon(session);
    session.denied(canceled);
    return;
  }
  // Without anything asked the request came too late, and must hit nobody else. A commit that is made to stop waiting for
  // standbys would be told as a success.
  if (!server?.isAsked || flight.isCommitting) return;
  if (hidesWarnings(session.settings.current) && flight.mayBeCommitting(server.status))
    server.isDoubtful = true;
  context.cancel(server);
}

/** Why it waits so long for a server. */
export function tellWaiting(session: SessionView, why: string): void {
  const { settings, wire } = session;
  if (hidesNotices(settings.current)) return;
  session.say(noticeResponse(`this waits for the primary: ${why}`));
  wire.flush();
}

/** PostgreSQL takes any name with a dot in it: without a word a client would believe that it reads `strong` from here on. */
export function tellOwnSetting(session: SessionView, names: readonly string[]): void {
  const own = names.find((name) => name.startsWith(ownPrefix));
  // Between two parts of an earlier answer there is no room for a word.
  const isAnswering = session.server?.isAsked ?? false;
  if (own === undefined || isAnswering || hidesNotices(session.settings.current)) return;
  const way = `options=-c ${own}=…`;
  session.say(
    noticeResponse(
      `SET of ${own} changes nothing: the router goes by what a connection begins with (${way})`,
    ),
  );
}

/** What PostgreSQL would warn of is not heard by the router either. */
function hidesWarnings(settings: SessionSettings): boolean {
  return ['error', 'fatal', 'panic'].includes(settings.get('client_min_messages') ?? '');
}

function hidesNotices(settings: SessionSettings): boolean {
  return hidesWarnings(settings) || settings.get('client_min_messages') === 'warning';
}
