import type { Session } from '@quantadb/engine/contract/sessions';

/** Statements have in them what clients wrote, which is not for those who may only look (pure). */
export function withoutText(session: Session): Session {
  return { ...session, text: null };
}
