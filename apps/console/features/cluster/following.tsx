'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Mark, type Tone } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

type Source = NonNullable<ClusterStatus['source']>;

const sourceWords: Record<Source['state'], (name: string) => string> = {
  open: (name) => `${name} takes writes`,
  'no-primary': (name) => `${name} has no primary that takes writes`,
  silent: (name) => `none of the daemons of ${name} answers`,
};

const sourceStates: Record<Source['state'], string> = {
  open: 'takes writes',
  'no-primary': 'no primary that takes writes',
  silent: 'does not answer',
};

/** As the topology shows it, in the place of a primary. */
export function shownSource({ name, state }: Source): { name: string; tone: Tone; state: string } {
  return { name, tone: state === 'open' ? 'good' : 'critical', state: sourceStates[state] };
}

/** Of a cluster that follows another one: whom, how far behind, and the way out. */
export function SourcePanel({ source, onChoose }: { source: Source; onChoose(intent: Intent): void }) {
  const may = useMay();
  const { name, leader, isStreaming, state } = source;
  const tone: Tone = isStreaming ? 'good' : 'critical';
  return (
    <Panel
      title={`Follows ${name}`}
      actions={
        may.operate ? (
          <Button tone="danger" onClick={() => onChoose({ kind: 'promote-cluster', insist: false })}>
            Promote…
          </Button>
        ) : null
      }
    >
      <p className="flex flex-wrap items-center gap-2">
        <Mark tone={tone} />
        {isStreaming ? `${leader} streams from it, ${lagText(source)}` : `${leader} receives nothing from it`}
        <span className="text-ink-soft">· {sourceWords[state](name)}</span>
      </p>
      <p className="mt-1 text-ink-faint text-xs">
        It takes no writes, and is as its source is, until somebody promotes it.
      </p>
    </Panel>
  );
}

/** Clusters that follow this one; nothing here waits for them. */
export function FollowersPanel({
  followers,
  onChoose,
}: {
  followers: ClusterStatus['followers'];
  onChoose(intent: Intent): void;
}) {
  const may = useMay();
  if (followers.length === 0) return null;
  return (
    <Panel title="Followed by">
      <ul className="flex flex-col gap-1">
        {followers.map((follower) => (
          <li key={follower.cluster} className="flex flex-wrap items-center gap-2">
            <Mark tone={follower.state === 'streaming' ? 'good' : 'warning'} />
            <span className="font-medium">{follower.cluster}</span>
            <span className="text-ink-soft">
              {follower.state}, {lagText(follower)}
            </span>
            {may.operate && follower.state === 'disconnected' ? (
              <Button
                tone="quiet"
                aria-label={`Forget ${follower.cluster}`}
                onClick={() => onChoose({ kind: 'forget-follower', cluster: follower.cluster })}
              >
                Forget…
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function lagText({ lagBytes, lagMs }: { lagBytes: number | null; lagMs: number | null }): string {
  if (lagBytes === null) return 'how far behind is not known';
  return `${bytesText(lagBytes)}${lagMs === null ? '' : ` / ${durationText(lagMs)}`} behind`;
}
