import { noticeResponse, type PostgresError } from '../protocol/build.ts';
import type { SessionSettings } from '../server/settings-sync.ts';
import type { LinkOwner } from './server-link.ts';
import type { SessionView } from './session-view.ts';

const canceled: PostgresError = {
  severity: 'ERROR',
  sqlState: '57014',
  message: 'canceling statement due to user request',
};

/** A client's cancel request. What waits for a server is answered here; nothing runs for it anywhere else then. */
export function cancelWhatRuns(session: SessionView & LinkOwner): void {
  const { server, context, flight } = session;
  if (session.shared.cancel()) return;
  if (session.isWaiting && !server) {
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

/** What PostgreSQL would warn of is not heard by the router either. */
function hidesWarnings(settings: SessionSettings): boolean {
  return ['error', 'fatal', 'panic'].includes(settings.get('client_min_messages') ?? '');
}

function hidesNotices(settings: SessionSettings): boolean {
  return hidesWarnings(settings) || settings.get('client_min_messages') === 'warning';
}
