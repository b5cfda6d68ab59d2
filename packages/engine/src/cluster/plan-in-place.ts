import { ageWords, planWords } from '../backup/recovery-plan.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { InPlaceOutlook, RestoreInPlaceRequest } from '../contract/restore.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';
import { delayMsOf } from '../replication/apart.ts';
import { listWords, sizeWords } from '../shared/words.ts';
import { jobWords } from './apply-backup.ts';
import { dataMembers } from './membership.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** What a restore in place would do, and what speaks against it (pure). */

/** The repository could give back what is given up, but for so long. */
const wayBackMsMax = 10 * 60_000;
const spareBytes = 1024 ** 3;

export function planRestoreInPlace(
  input: PlanInput,
  base: PlanBody,
  request: RestoreInPlaceRequest,
): PlanBody {
  const { state, inPlace, nowMs } = input;
  const name = state?.name ?? 'the cluster';
  const outlook = inPlace && !('refusal' in inPlace) ? inPlace : null;
  const failed = inPlace && 'refusal' in inPlace ? inPlace.refusal : null;
  const found = outlook?.planning.ok ? outlook.planning.plan : null;
  const refusal =
    base.refusal ??
    (state ? whyNotNow(state) : null) ??
    failed ??
    (outlook ? whyNotRestored(outlook, { nowMs, insist: request.insist }) : null);
  return {
    ...base,
    summary: found
      ? `Take ${name} back, where it runs. ${planWords(found)} It goes on as timeline ${timelineAfter(state)}, if no failover comes first.`
      : `Take ${name} back to a moment of before, where it runs.`,
    writePause:
      'none while the copy is made beside the data; then every session ends, and writes stop for the seconds it takes to put the copy in place and open it',
    warnings: [
      ...(found ? [...found.warnings] : []),
      ...(outlook ? lossWarnings(outlook, nowMs) : []),
      ...(state && outlook ? consequences(state, outlook) : []),
    ],
    refusal: refusal ?? whyNotConfirmed(request, name),
  };
}

/** The copy opens one that is kept free for it, and the reign that begins with it the next one. */
function timelineAfter(state: ClusterState | null): number {
  return Math.max(0, state?.reign.timeline ?? 0, ...(state?.timelines ?? []).map(({ id }) => id)) + 2;
}

function whyNotNow(state: ClusterState): string | null {
  if (!state.backup?.config)
    return 'This cluster has no backup repository: there is nothing to go back to. Set one: quantadb backup configure --path <directory>.';
  const { job } = state.backup;
  if (job) return `${jobWords(job)} runs: wait for its end, or quantadb backup cancel.`;
  if (state.reign.primary === null || state.failover)
    return 'A failover has not ended, or there is no primary. See: quantadb status.';
  return null;
}

/** Looked at again by the decider before anything begins. */
export function whyNotRestored(
  outlook: InPlaceOutlook,
  { nowMs, insist }: { nowMs: number; insist: boolean },
): string | null {
  const { planning, freeBytes, tablespaces } = outlook;
  if (!planning.ok) {
    const nearest = planning.refusal.nearest.map(({ words }) => words).join(', ');
    return `${planning.refusal.message}${nearest ? ` The nearest possible: ${nearest}.` : ''}`;
  }
  if (tablespaces > 0)
    return 'The database has tablespaces outside of its data directory: a copy cannot be made beside them. Restore into a new cluster: quantadb backup restore --into.';
  const needed = planning.plan.databaseBytes + spareBytes;
  if (freeBytes < needed)
    return `The copy takes ${sizeWords(needed)} beside the data, which is kept, and ${sizeWords(freeBytes)} are free. Make room, or restore into a new cluster: quantadb backup restore --into.`;
  const why = whyNoWayBack(outlook, nowMs);
  return why && !insist ? `${why} To go on all the same: --insist.` : null;
}

/** The data that is kept aside is on one disk: what is given up should also be in the repository. */
function whyNoWayBack({ newestMs, archivingFailsSinceMs }: InPlaceOutlook, nowMs: number): string | null {
  if (archivingFailsSinceMs !== null)
    return `WAL has not reached the repository for ${ageWords(nowMs - archivingFailsSinceMs)}: what is given up could not be restored from it.`;
  if (newestMs === null) return 'The repository could not give back what is given up.';
  const ageMs = nowMs - newestMs;
  return ageMs > wayBackMsMax
    ? `The newest moment in the repository is ${ageWords(ageMs)} old: what came after it could not be restored from there.`
    : null;
}

function lossWarnings(
  { planning, currentLsn, leastLsn, dataBytes, keptBeside }: InPlaceOutlook,
  nowMs: number,
): string[] {
  if (!planning.ok) return [];
  const { endMs } = planning.plan;
  const age = endMs === null ? '' : `, the last ${ageWords(Math.max(0, nowMs - endMs))},`;
  const bytes = leastLsn === null ? null : Math.max(0, lsnDistanceBytes(currentLsn, leastLsn));
  const wal = bytes === null ? '' : ` (at most ${sizeWords(bytes)} of WAL)`;
  return [
    `What was committed after the target${age} is given up${wal}: rows, tables, roles, and what was acknowledged to clients.`,
    `The data of now, ${sizeWords(dataBytes)}, is kept as ${keptBeside} until somebody removes it, or a later restore in place there has succeeded.`,
  ];
}

function consequences(state: ClusterState, { slots }: InPlaceOutlook): string[] {
  const standbys = dataMembers(state).filter(({ name }) => name !== state.reign.primary);
  const delayed = standbys.filter((each) => delayMsOf(each) > 0).map((each) => each.name);
  return [
    ...(standbys.length > 0
      ? [
          `${listWords(
            standbys.map(({ name }) => name),
            'and',
          )} are rewound or copied anew. Until they are back, writes wait for no standby, and losing the primary loses them.`,
        ]
      : []),
    ...(delayed.length > 0
      ? [`What ${listWords(delayed, 'and')} holds back on purpose is given up too.`]
      : []),
    ...(slots.length > 0
      ? [
          `These replication slots are not in a backup, and are gone: ${slots.join(', ')}. Their consumers start over.`,
        ]
      : []),
  ];
}

function whyNotConfirmed({ confirm }: RestoreInPlaceRequest, name: string): string | null {
  if (confirm === null || confirm === name) return null;
  return `To confirm it, give the name of the cluster: ${name}.`;
}
