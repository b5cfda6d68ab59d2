import type { Command, CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';

/** Commands about clusters that follow this one (pure): whose hosts may replicate beside the cluster's own. */

/** Each lists up to a hundred hosts, and every one of them is a line that PostgreSQL reads. */
const followersMax = 20;

export type FollowerCommand = CommandOf<'note-follower' | 'forget-follower'>;

export function isAboutFollower(command: Command): command is FollowerCommand {
  return command.kind === 'note-follower' || command.kind === 'forget-follower';
}

export function applyFollower(draft: Draft, command: FollowerCommand): CommandResult {
  return command.kind === 'note-follower' ? noteFollower(draft, command) : forgetFollower(draft, command);
}

function noteFollower(
  { state, event }: Draft,
  { cluster, hosts }: CommandOf<'note-follower'>,
): CommandResult {
  const followers = { ...state.followers };
  if (!followers[cluster] && Object.keys(followers).length >= followersMax)
    return { ok: false, reason: `at most ${followersMax} clusters can follow one` };
  state.followers = { ...followers, [cluster]: { hosts } };
  const who =
    hosts === null ? 'every host of the installation, as it is of an older release' : hosts.join(', ');
  event('info', 'follower-hosts', `${cluster} follows this cluster: replication is open to ${who}.`);
  return { ok: true };
}

function forgetFollower({ state, event }: Draft, { cluster }: CommandOf<'forget-follower'>): CommandResult {
  if (!state.followers?.[cluster]) return { ok: true };
  const { [cluster]: _gone, ...others } = state.followers;
  state.followers = others;
  event(
    'info',
    'follower-hosts',
    `${cluster} no longer follows this cluster: replication is closed to its hosts.`,
  );
  return { ok: true };
}
