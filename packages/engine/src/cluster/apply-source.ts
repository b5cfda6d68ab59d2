import type { Source } from '../contract/source.ts';
import { allocateTimeline } from './allocate-timeline.ts';
import type { Command, CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';

/** Commands about following another cluster (pure). A usual cluster refuses every one of them: it can never begin to. */

const refused = (reason: string): CommandResult => ({ ok: false, reason });
const followsNobody = 'the cluster follows no other one';

const kinds = [
  'note-source',
  'set-standby-leader',
  'stop-following',
  'follow-again',
  'end-following',
] as const;
export type SourceCommand = CommandOf<(typeof kinds)[number]>;

export function isAboutSource(command: Command): command is SourceCommand {
  return kinds.some((kind) => kind === command.kind);
}

export function applySource(draft: Draft, command: SourceCommand): CommandResult {
  switch (command.kind) {
    case 'note-source':
      return noteSource(draft, command);
    case 'set-standby-leader':
      return setStandbyLeader(draft, command);
    case 'stop-following':
      return stopFollowing(draft, command);
    case 'follow-again':
      return followAgain(draft, command);
    case 'end-following':
      return endFollowing(draft, command);
  }
}

/** Older news of the source than what is known are refused: they would lead back to a former primary. */
function noteSource(draft: Draft, command: CommandOf<'note-source'>): CommandResult {
  const { state } = draft;
  const { source } = state;
  if (!source) return refused(followsNobody);
  if (source.clusterId !== command.clusterId) return refused(`${source.name} is another cluster`);
  if (command.epoch < source.epoch)
    return refused(`epoch ${source.epoch} of ${source.name} was seen already`);
  if (!command.timelines.some(({ id, status }) => id === command.timeline && status === 'recorded'))
    return refused(`timeline ${command.timeline} is not open`);
  if (source.primary !== command.primary || source.epoch !== command.epoch) {
    const message = `${source.name} has ${command.primary} as its primary: epoch ${command.epoch}, timeline ${command.timeline}.`;
    draft.event('info', 'source-moved', message);
  }
  const { members, primary, epoch } = command;
  Object.assign(source, { members, primary, epoch });
  state.timelines = command.timelines;
  state.reign.timeline = command.timeline;
  state.parameters = command.parameters;
  state.hba = command.hba;
  return { ok: true };
}

function setStandbyLeader(draft: Draft, command: CommandOf<'set-standby-leader'>): CommandResult {
  const { source, members } = draft.state;
  if (!source) return refused(followsNobody);
  if (source.turn !== command.turn) return refused(`it is turn ${source.turn} by now`);
  if (members[command.node]?.kind !== 'data') return refused(`${command.node} is no data node`);
  const message = `${command.node} takes over following ${source.name} from ${source.leader}: ${command.why}.`;
  Object.assign(source, { leader: command.node, turn: source.turn + 1 });
  draft.event('warning', 'standby-leader', message, command.node);
  return { ok: true };
}

function stopFollowing(draft: Draft, { epoch }: CommandOf<'stop-following'>): CommandResult {
  const { source, reign } = draft.state;
  if (!source) return refused(followsNobody);
  if (source.ending === epoch) return { ok: true };
  const last = Math.max(source.voidEpoch, source.ending ?? 0, reign.epoch);
  if (epoch <= last) return refused(`epoch ${last} was asked for already`);
  source.ending = epoch;
  draft.event(
    'info',
    'following-stopped',
    `Nothing of ${source.name} is received any more: it is being promoted.`,
  );
  return { ok: true };
}

function followAgain(draft: Draft, { epoch }: CommandOf<'follow-again'>): CommandResult {
  const { source } = draft.state;
  if (!source) return refused(followsNobody);
  if (source.ending !== epoch) return refused('no promotion of that epoch is under way');
  Object.assign(source, { ending: null, voidEpoch: epoch });
  draft.event(
    'warning',
    'following-again',
    `The promotion came to nothing: ${source.name} is followed again.`,
  );
  return { ok: true };
}

function endFollowing(draft: Draft, command: CommandOf<'end-following'>): CommandResult {
  const { state } = draft;
  const { source, reign } = state;
  if (reign.epoch === command.epoch && reign.primary === command.node) return { ok: true };
  if (!source) return refused(followsNobody);
  if (source.ending !== command.epoch) return refused(`epoch ${command.epoch} was not asked for`);
  const member = state.members[command.node];
  if (member?.kind !== 'data' || member.phase !== 'active')
    return refused(`${command.node} is no active data node`);
  state.timelines = withHistory(state.timelines, command.history);
  if (!state.timelines.some(({ id }) => id === command.parentTimeline))
    return refused(`timeline ${command.parentTimeline} is not known`);
  const timeline = allocateTimeline(state.timelines, command.parentTimeline, command.epoch);
  state.reign = { epoch: command.epoch, primary: command.node, timeline };
  delete state.source;
  draft.event('critical', 'promoted', promotedWords(source, command.node), command.node);
  return { ok: true };
}

function promotedWords({ name }: Source, node: string): string {
  return `The cluster no longer follows ${name}: ${node} is granted its first reign. From here on both have a history of their own.`;
}

/** Timelines that a node has been through and the log has not heard of yet. */
export function withHistory(
  timelines: Draft['state']['timelines'],
  history: CommandOf<'end-following'>['history'],
): Draft['state']['timelines'] {
  const known = new Map(timelines.map((record) => [record.id, record]));
  for (const { timeline: id, parentId, forkLsn } of history) {
    const record = known.get(id);
    if (record?.status === 'recorded') continue;
    known.set(id, { id, parentId, forkLsn, epoch: record?.epoch ?? 1, status: 'recorded' });
  }
  return [...known.values()].sort((left, right) => left.id - right.id);
}
