/** What can be said to the router's own database (pure). */
export type AdminCommand =
  | { kind: 'show'; what: ShowSubject }
  | { kind: 'pause' | 'resume'; database: string | null }
  | { kind: 'reload' }
  /** Drivers say such things by themselves. */
  | { kind: 'nothing'; tag: string }
  | { kind: 'unknown' };

export const showSubjects = ['pools', 'clients', 'servers', 'stats', 'routes', 'version', 'help'] as const;
export type ShowSubject = (typeof showSubjects)[number];

export function readAdminCommand(text: string): AdminCommand {
  const words = text.replace(/;\s*$/, '').trim().split(/\s+/);
  const [first = '', second = ''] = words.map((word) => word.toLowerCase());
  const database = words[1] === undefined ? null : words[1].replace(/^"(.*)"$/, '$1');
  if (words.length > 2 && first !== 'set') return { kind: 'unknown' };
  switch (first) {
    case 'show': {
      const what = showSubjects.find((subject) => subject === second);
      return what ? { kind: 'show', what } : { kind: 'unknown' };
    }
    case 'pause':
      return { kind: 'pause', database };
    case 'resume':
      return { kind: 'resume', database };
    case 'reload':
      return { kind: 'reload' };
    case 'set':
      return { kind: 'nothing', tag: 'SET' };
    case '':
      return { kind: 'nothing', tag: '' };
    default:
      return { kind: 'unknown' };
  }
}
