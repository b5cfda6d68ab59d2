import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useTimes } from '../../lib/time.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import type { Overview } from './prepare.ts';

/** A moment that is open in a scratch server, and how to get at it. */
export function OpenLook({
  look,
  onChoose,
}: {
  look: NonNullable<Overview['look']>;
  onChoose(intent: Intent): void;
}) {
  const times = useTimes();
  const may = useMay();
  const asOf = look.recoveredToMs === null ? look.label : times.moment(look.recoveredToMs);
  return (
    <Panel
      title="Open for a look"
      actions={may.operate ? <Button onClick={() => onChoose({ kind: 'close-look' })}>Close…</Button> : null}
    >
      <p className="text-[0.8125rem]">
        A copy as of {asOf} is open on {look.node} until {times.moment(look.untilMs)}. There, as root or
        postgres:
      </p>
      <code className="mt-1 block overflow-x-auto whitespace-nowrap text-xs">
        psql -h {look.socketDir} -p {look.port} -U {look.user}
      </code>
    </Panel>
  );
}
