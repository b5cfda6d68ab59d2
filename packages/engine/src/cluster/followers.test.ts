import { expect, test } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { newsOfFollower, replicatingHosts } from './followers.ts';
import { whyNotForgotten } from './plan-standby.ts';
import { apply } from './state.ts';

const own = ['node-1', 'node-2', 'node-3'];

function after(state: ClusterState, ...commands: (Command | null)[]): ClusterState {
  return commands.reduce((before, command) => {
    if (!command) return before;
    const { state: next, result } = apply(before, command, 1);
    expect(result).toMatchObject({ ok: true });
    return next ?? before;
  }, state);
}

test('I-MEMBER-10: below level 10, and while a follower cannot say which hosts it has, every host counts', () => {
  const older: ClusterState = { ...demoState(), level: 9 };
  expect(replicatingHosts(older)).toBeNull();
  expect(newsOfFollower(older, 'dr', ['dr-1'])).toBeNull();
  const state: ClusterState = { ...older, level: 10 };
  expect(replicatingHosts(state)).toEqual(own);
  const untold = after(state, newsOfFollower(state, 'dr', null));
  expect(replicatingHosts(untold)).toBeNull();
  const told = after(untold, newsOfFollower(untold, 'dr', ['dr-2', 'dr-1']));
  expect(replicatingHosts(told)).toEqual(['dr-1', 'dr-2', ...own]);
});

test('I-MEMBER-10: whoever joins or leaves, here or at a follower, counts at once', () => {
  const state: ClusterState = { ...demoState(), level: 10 };
  const followed = after(
    state,
    newsOfFollower(state, 'dr', ['dr-1']),
    newsOfFollower(state, 'far', ['far-1']),
  );
  expect(newsOfFollower(followed, 'dr', ['dr-1', 'dr-1'])).toBeNull();
  const grown = after(followed, newsOfFollower(followed, 'dr', ['dr-2']));
  expect(replicatingHosts(grown)).toEqual(['dr-2', 'far-1', ...own]);
  const { name, kind, addresses, zone } = { ...demoMember(4), name: 'node-4' };
  const joined = after(grown, { kind: 'add-member', member: { name, kind, addresses, zone } });
  expect(replicatingHosts(joined)).toContain('node-4');
  const left = after(
    joined,
    { kind: 'remove-member', node: 'node-4' },
    { kind: 'forget-follower', cluster: 'dr' },
    { kind: 'forget-follower', cluster: 'dr' },
  );
  expect(replicatingHosts(left)).toEqual(['far-1', ...own]);
});

test('a cluster that followed is forgotten on request, unless it is connected or was never there', () => {
  const state = { name: 'prod', followers: { dr: { hosts: ['dr-1'] } } };
  const primary = (standbys: object[]) => ({ role: 'primary', standbys }) as unknown as NodeReport;
  const seen = (state: string) => [{ name: 'cluster:dr', state, lagBytes: null, lagMs: null }];
  expect(whyNotForgotten(state, primary(seen('streaming')), 'dr')).toMatch(/follows this cluster right now/);
  expect(whyNotForgotten(state, primary(seen('catchup')), 'dr')).toMatch(/right now/);
  expect(whyNotForgotten(state, primary(seen('disconnected')), 'dr')).toBeNull();
  // Of an older release: only its slot is known.
  expect(whyNotForgotten({ name: 'prod' }, primary(seen('disconnected')), 'dr')).toBeNull();
  expect(whyNotForgotten(state, primary([]), 'dr')).toBeNull();
  expect(whyNotForgotten(state, primary([]), 'far')).toMatch(/No cluster far follows prod/);
  expect(whyNotForgotten(state, undefined, 'dr')).toMatch(/No primary answers/);
});
