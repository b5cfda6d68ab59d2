import type { ClusterStatus } from '@quantadb/api/client-types';
import { durationText } from '@quantadb/ui/charts/units';

/** A failover in words and figures (pure). */

export type FailoverView = NonNullable<ClusterStatus['failover']>;
type State = FailoverView['state'];

export const endedStates: ReadonlySet<State> = new Set(['DONE', 'ABANDONED']);

const stateWords: Record<State, string> = {
  SEAL: 'Ask the voters to take no more WAL of the old primary',
  COLLECT: 'Collect their votes',
  NO_SAFE_CANDIDATE: 'Nobody can take over safely yet',
  GRANT: 'Give the new primary its epoch and timeline',
  PREPARE_SYNC: 'Prepare whom its commits wait for',
  REPOINT: 'Point the others at it',
  PROMOTE: 'Promote',
  RECORD_TIMELINE: 'Record where the new timeline begins',
  OPEN_ROUTING: 'Let writes through',
  REJOIN: 'Bring everybody back',
  DONE: 'Done',
  ABANDONED: 'Given up',
};

const shortWords: Record<State, string> = {
  SEAL: 'votes',
  COLLECT: 'votes',
  NO_SAFE_CANDIDATE: 'nobody can take over',
  GRANT: 'grant',
  PREPARE_SYNC: 'preparation',
  REPOINT: 'repointing',
  PROMOTE: 'promotion',
  RECORD_TIMELINE: 'record',
  OPEN_ROUTING: 'routing',
  REJOIN: 'bringing everybody back',
  DONE: 'done',
  ABANDONED: 'given up',
};

/** In a word or two; of what is not known yet, its own name. */
export function shortWordsOf(state: string): string {
  return (shortWords as Partial<Record<string, string>>)[state] ?? state.toLowerCase();
}

export function wordsOf(state: State): string {
  return stateWords[state];
}

export interface Phase {
  state: State;
  startedAtMs: number;
  /** Null: it goes on. */
  tookMs: number | null;
  detail: string;
}

/** Each step with how long it took: until the next one began. The last one of a failover that is over took no time. */
export function phasesOf({ steps, state }: Pick<FailoverView, 'steps' | 'state'>): Phase[] {
  return steps.map((step, index) => {
    const next = steps[index + 1];
    const endMs = next ? next.atMs : endedStates.has(state) ? step.atMs : null;
    // Clocks of two deciders may differ.
    const tookMs = endMs === null ? null : Math.max(0, endMs - step.atMs);
    return { state: step.state, startedAtMs: step.atMs, tookMs, detail: step.detail };
  });
}

/** From its begin until writes went through again; null while they do not. */
function withoutWritesMs({ steps, startedAtMs }: FailoverView): number | null {
  const open = steps.find(({ state }) => state === 'REJOIN' || state === 'DONE');
  return open ? Math.max(0, open.atMs - startedAtMs) : null;
}

/** The silence before it was noticed was without writes as well. */
export function withoutWritesWords(failover: FailoverView): string {
  const openMs = withoutWritesMs(failover);
  if (openMs === null) return 'not yet';
  const { silentForMs } = failover.detection;
  return `${durationText(openMs)}${silentForMs ? `, after ${durationText(silentForMs)} of silence` : ''}`;
}

/** Bytes between a candidate's WAL and the newest of all on the same timeline; null when that is not to be said. */
export function behindBytes(
  candidate: FailoverView['candidates'][number],
  all: FailoverView['candidates'],
): number | null {
  const { position } = candidate;
  if (!position) return null;
  const same = all.flatMap((each) => (each.position?.timeline === position.timeline ? [each.position] : []));
  const newest = same.reduce((best, each) => (lsnOf(each.lsn) > best ? lsnOf(each.lsn) : best), 0n);
  return Number(newest - lsnOf(position.lsn));
}

function lsnOf(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** One sentence for whoever asks what happened. */
export function summaryOf(failover: FailoverView): string {
  const { kind, state, oldPrimary, candidate, dataLoss, blockedBy } = failover;
  const what = kind === 'switchover' ? 'A planned switchover' : 'A failover';
  const from = oldPrimary ? ` from ${oldPrimary}` : '';
  if (state === 'ABANDONED') return `${what}${from} was given up: ${failover.steps.at(-1)?.detail ?? ''}`;
  if (state === 'NO_SAFE_CANDIDATE')
    return `${what}${from} waits: ${blockedBy ?? 'nobody can take over safely'}`;
  if (state !== 'DONE') return `${what}${from} is under way.`;
  const goesOn = candidate === oldPrimary && candidate !== null;
  const to = goesOn ? `; ${candidate} goes on as primary` : candidate ? ` to ${candidate}` : '';
  return `${what}${from}${to}. ${lossWords(dataLoss)}`;
}

function lossWords(dataLoss: FailoverView['dataLoss']): string {
  if (!dataLoss) return '';
  return dataLoss.possible ? `Data may be lost: ${dataLoss.detail}` : 'No acknowledged write was lost.';
}

/** For a ticket, or a report of what happened: everything of the page, as Markdown. Moments are UTC. */
export function markdownOf(clusterName: string, failover: FailoverView): string {
  const { candidates, detection, dataLoss, steps, startedAtMs } = failover;
  const witnesses = detection.witnesses ?? [];
  const supporters = (of: FailoverView['candidates'][number]) => of.supporters?.join(', ') || 'none';
  return [
    `# ${clusterName}: ${failover.kind} ${failover.oldPrimary ?? 'nobody'} → ${failover.candidate ?? 'nobody'}`,
    summaryOf(failover),
    [
      `- Began: ${new Date(startedAtMs).toISOString()}`,
      `- Until writes went through: ${withoutWritesWords(failover)}`,
      `- Epoch: ${failover.fromEpoch} → ${failover.epoch}`,
      ...(failover.grant
        ? [`- Timeline: ${failover.grant.parentTimeline} → ${failover.grant.timeline}`]
        : []),
      `- Reason: ${failover.reason}`,
    ].join('\n'),
    '## What was seen',
    [`- ${detection.detail}`, ...witnesses.map(({ node, detail }) => `- ${node}: ${detail}`)].join('\n'),
    '## Who could take over',
    candidates.length === 0
      ? 'Nobody was asked.'
      : [
          '| node | WAL | supported by | verdict |',
          '|---|---|---|---|',
          ...candidates.map((each) => {
            const wal = each.position ? `${each.position.lsn} on ${each.position.timeline}` : 'unknown';
            return `| ${each.node}${each.chosen ? ' (chosen)' : ''} | ${wal} | ${supporters(each)} | ${each.verdict} |`;
          }),
        ].join('\n'),
    '## What was done',
    steps.map(({ state, atMs, detail }) => `- +${atMs - startedAtMs} ms ${state}: ${detail}`).join('\n'),
    ...(dataLoss
      ? ['## What may be lost', `${dataLoss.possible ? 'Possible' : 'Nothing'}: ${dataLoss.detail}`]
      : []),
  ].join('\n\n');
}
