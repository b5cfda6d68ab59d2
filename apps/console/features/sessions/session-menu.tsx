import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { MoreHorizontal } from 'lucide-react';
import { useMay } from '../shell/me.ts';
import type { Ending } from './end-dialog.tsx';
import { type Session, stateOf } from './sessions.ts';

export function SessionMenu({ session, onEnd }: { session: Session; onEnd(ending: Ending): void }) {
  const may = useMay();
  if (!may.operate) return null;
  const { protectedBecause } = session;
  const state = stateOf(session);
  const runsNothing =
    state === 'idle' || state === 'idle-in-transaction' ? 'It runs no statement now.' : null;
  const items = [
    {
      label: 'Cancel its statement…',
      disabledBecause: protectedBecause ?? runsNothing,
      onSelect: () => onEnd({ session, how: 'cancel' }),
    },
    {
      label: 'Terminate the session…',
      isDanger: true,
      disabledBecause: protectedBecause,
      onSelect: () => onEnd({ session, how: 'terminate' }),
    },
  ];
  return (
    <Menu
      items={items}
      trigger={
        <Button
          tone="quiet"
          aria-label={`Actions for session ${session.pid} on ${session.node}`}
          icon={<MoreHorizontal size={16} aria-hidden />}
        />
      }
    />
  );
}
