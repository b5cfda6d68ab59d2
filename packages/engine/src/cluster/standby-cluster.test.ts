import { describe, expect, it } from 'vitest';
import type { ClusterState, SealVote } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { Source } from '../contract/source.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { desireOf } from './desire.ts';
import { planOf } from './plan.ts';
import { whyNotWhileFollowing } from './plan-standby.ts';
import { chooseHeir, nextEpoch, objections, unheard } from './promotion.ts';
import { newestOf } from './source-look.ts';
import { viewOf } from './source-peers.ts';
import type { SourceView } from './source-view.ts';
import { neededFrom, newsOf, nextLeader, whyUnfit } from './standby-leader.ts';
import { apply } from './state.ts';

const place = (port: number) => ({ host: '10.0.0.1', port });
const sourceMembers = ['prod-1', 'prod-2'].map((name, at) => ({
  name,
  api: place(7000 + at),
  postgres: place(5000 + at),
}));

function source(more: Partial<Source> = {}): Source {
  return {
    ...{ clusterId: 'p1', name: 'prod', members: sourceMembers, primary: 'prod-1', epoch: 3 },
    ...{ leader: 'node-1', turn: 0, ending: null, voidEpoch: 0 },
    ...more,
  };
}

/** Of three data nodes, which follow; the timelines are the source's. */
function following(more: Partial<Source> = {}): ClusterState & { source: Source } {
  const { syncSet: _syncSet, ...state } = demoState();
  return {
    ...state,
    level: 4,
    reign: { epoch: 0, primary: null, timeline: 2 },
    syncSet: { electors: [], votes: 0, standbys: [], count: 0 },
    source: source(more),
  };
}

function view(more: Partial<SourceView> = {}): SourceView {
  const { timelines } = demoState();
  return {
    ...{ clusterId: 'p1', name: 'prod', systemIdentifier: '42', revision: 9, epoch: 3, primary: 'prod-1' },
    ...{ takesWrites: true, lsn: '0/200', timeline: 2, timelines, members: sourceMembers },
    ...{ parameters: {}, hba: [], followers: [] },
    ...more,
  };
}

function report(more: Partial<NodeReport> = {}): NodeReport {
  const base = {
    role: 'standby',
    state: 'streaming',
    timeline: 2,
    lsn: '0/100',
    clone: null,
    sealedEpoch: 0,
  };
  return { ...base, receiverStatus: 'streaming', ...more } as NodeReport;
}

function reportsOf(given: Record<string, Partial<NodeReport>>): Map<string, NodeReport> {
  return new Map(Object.entries(given).map(([name, more]) => [name, report({ name, ...more })]));
}

function vote(node: string, lsn: string, more: Partial<Extract<SealVote, { ok: true }>> = {}): SealVote {
  return {
    ...{ ok: true, node, position: { timeline: 2, lsn }, history: [], promotable: true },
    ...{ whyNotPromotable: null, livePrimary: false },
    ...more,
  };
}

const accepted = (state: ClusterState, command: Command) => apply(state, command, 1);
const reason = (state: ClusterState, command: Command) => {
  const { result } = accepted(state, command);
  return result.ok ? null : result.reason;
};

const commands: Command[] = [
  {
    ...{ kind: 'note-source', clusterId: 'p1', epoch: 4, primary: 'prod-2', members: sourceMembers },
    ...{ timeline: 2, timelines: demoState().timelines, parameters: {}, hba: [] },
  },
  { kind: 'set-standby-leader', node: 'node-2', turn: 0, why: 'a test' },
  { kind: 'stop-following', epoch: 1 },
  { kind: 'follow-again', epoch: 1 },
  { kind: 'end-following', epoch: 1, node: 'node-1', parentTimeline: 2, history: [] },
];

describe('a usual cluster (I-DR-1)', () => {
  it('refuses everything that is about following, and stays as it is', () => {
    const usual = { ...demoState(), level: 4 };
    for (const command of commands) {
      expect(reason(usual, command), command.kind).toBe('the cluster follows no other one');
      expect(accepted(usual, command).state).toBe(usual);
    }
  });

  it('is followed by name only, and never takes a follower’s node for one of its own', () => {
    const standbys = [
      { name: 'node-2', state: 'streaming', lagBytes: 0, lagMs: 0 },
      { name: 'cluster:dr', state: 'streaming', lagBytes: 8, lagMs: 2 },
    ];
    const primary = report({ role: 'primary', state: 'running', epoch: 3, standbys } as Partial<NodeReport>);
    const seen = viewOf(demoState(), primary);
    expect(seen).toMatchObject({ primary: 'node-1', takesWrites: true, timeline: 2 });
    expect(seen.followers).toEqual([{ cluster: 'dr', state: 'streaming', lagBytes: 8, lagMs: 2 }]);
    expect(viewOf(demoState(), null).takesWrites).toBe(false);
  });

  it('cannot be promoted, and a follower is no source', () => {
    const plan = planOf(
      { state: demoState(), self: 'node-1', nowMs: 0, votersNow: new Set(), reports: new Map() },
      { kind: 'promote-cluster', insist: true },
    );
    expect(plan.refusal).toContain('follows no other one');
    expect(() => viewOf(following(), null)).toThrow(/follows prod itself/);
  });
});

describe('a standby cluster (I-DR-2)', () => {
  it('has one node that streams from the source’s primary, and the others stream from that one', () => {
    const leader = desireOf(following(), 'node-1', 0);
    expect(leader).toMatchObject({ kind: 'follow', upstream: { name: 'prod-1' }, isOpen: true, timeline: 2 });
    expect(leader).toMatchObject({ source: { clusterId: 'p1', follower: 'demo' } });
    const other = desireOf(following(), 'node-2', 0);
    expect(other).toMatchObject({ kind: 'follow', upstream: { name: 'node-1' } });
    expect(other).not.toHaveProperty('source');
  });

  it('has no node that leads, whatever reign its state would speak of', () => {
    const state = { ...following(), reign: { epoch: 3, primary: 'node-1', timeline: 2 } };
    for (const name of ['node-1', 'node-2', 'node-3'])
      expect(desireOf(state, name, 0).kind, name).not.toBe('lead');
  });

  it('grants no reign, and begins no failover', () => {
    const state = following();
    expect(reason(state, { kind: 'grant-first', primary: 'node-1' })).toBe('the cluster follows prod');
    const failover: Command = {
      ...{ kind: 'begin-failover', id: 'f', failoverKind: 'failover', fromEpoch: 0, reason: 'a test' },
      ...{ preferred: null, supersedes: null, detection: { silentForMs: null, detail: '' } },
    };
    expect(reason(state, failover)).toBe('the cluster follows prod');
    const history: Command = { kind: 'adopt-history', timeline: 1, history: [] };
    expect(reason(state, history)).toBe('the cluster follows prod');
  });

  it('holds still while it is promoted, and where a newer epoch was promised (I-DR-4)', () => {
    expect(desireOf(following({ ending: 2 }), 'node-1', 0).kind).toBe('hold');
    expect(desireOf(following(), 'node-1', 2).kind).toBe('hold');
    expect(desireOf(following({ voidEpoch: 2 }), 'node-1', 2).kind).toBe('follow');
  });

  it('is as the source is: what would make it another one is refused', () => {
    expect(whyNotWhileFollowing(source(), 'set-parameters')).toContain('follows prod');
    expect(whyNotWhileFollowing(source(), 'switchover')).toContain('quantadb cluster promote');
    expect(whyNotWhileFollowing(source(), 'add-node')).toBeNull();
  });
});

describe('news of the source (I-DR-3)', () => {
  it('are noted when its primary, timelines or settings have changed, and only from an open primary', () => {
    const state = following();
    expect(newsOf(state, state.source, view())).toBeNull();
    expect(newsOf(state, state.source, view({ primary: null, parameters: { work_mem: '5MB' } }))).toBeNull();
    expect(newsOf(state, state.source, view({ parameters: { work_mem: '5MB' } }))).toMatchObject({
      kind: 'note-source',
      parameters: { work_mem: '5MB' },
    });
    expect(newsOf(state, state.source, view({ epoch: 2, primary: 'prod-2' }))).toBeNull();
  });

  it('move the following to the new primary with its timeline, never back to an older epoch', () => {
    const state = following();
    const timelines = [
      ...state.timelines,
      { id: 3, parentId: 2, forkLsn: '0/180', epoch: 4, status: 'recorded' as const },
    ];
    const news = newsOf(state, state.source, view({ epoch: 4, primary: 'prod-2', timeline: 3, timelines }));
    const moved = news && accepted(state, news).state;
    expect(moved?.reign).toEqual({ epoch: 0, primary: null, timeline: 3 });
    if (moved)
      expect(desireOf(moved, 'node-1', 0)).toMatchObject({ upstream: { name: 'prod-2' }, timeline: 3 });
    const old: Command = { ...(news ?? fail()), epoch: 3, primary: 'prod-1' };
    expect(moved && reason(moved, old)).toBe('epoch 4 of prod was seen already');
    expect(reason(state, { ...old, clusterId: 'another' })).toBe('prod is another cluster');
    expect(reason(state, { ...old, timeline: 7 })).toBe('timeline 7 is not open');
  });

  it('come from whoever knows the newest epoch, and of those from who hears the primary', () => {
    const late = view({ epoch: 2, revision: 50 });
    const deaf = view({ takesWrites: false, revision: 50 });
    expect(newestOf([null, late, deaf, view()])).toMatchObject({ epoch: 3, takesWrites: true });
    expect(newestOf([null, null])).toBeNull();
  });
});

function fail(): never {
  throw new Error('there are no news');
}

describe('the node that streams from the source (I-DR-5)', () => {
  const state = following();
  const unfit = (given: Record<string, Partial<NodeReport>>, isSourceOpen = true) =>
    whyUnfit(state, state.source, { reports: reportsOf(given), isSourceOpen })?.why ?? null;

  it('stays while WAL arrives, while it copies, and while nobody would fare better', () => {
    expect(unfit({ 'node-1': {} })).toBeNull();
    expect(unfit({ 'node-1': { lsn: null, clone: { doneBytes: 1, totalBytes: null } } })).toBeNull();
    expect(unfit({ 'node-1': { receiverStatus: null } }, false)).toBeNull();
  });

  it('is replaced when it is gone, down, or cut off from a source that others can see', () => {
    expect(unfit({})).toContain('does not answer');
    expect(unfit({ 'node-1': { lsn: null } })).toContain('is down');
    expect(unfit({ 'node-1': { receiverStatus: null } })).toContain('nothing arrives');
  });

  it('is followed by whoever holds the most WAL and is fit for it', () => {
    const reports = reportsOf({ 'node-1': {}, 'node-2': { lsn: '0/90' }, 'node-3': { lsn: '0/F0' } });
    expect(nextLeader(state, state.source, reports)).toBe('node-3');
    const other = structuredClone(state);
    Object.assign(other.members['node-3'] ?? {}, { phase: 'leaving' });
    expect(nextLeader(other, state.source, reports)).toBe('node-2');
    expect(nextLeader(state, state.source, reportsOf({ 'node-2': { lsn: null } }))).toBeNull();
  });

  it('changes one turn at a time', () => {
    const change: Command = { kind: 'set-standby-leader', node: 'node-2', turn: 0, why: 'a test' };
    const next = accepted(state, change).state;
    expect(next?.source).toMatchObject({ leader: 'node-2', turn: 1 });
    expect(next && reason(next, { ...change, node: 'node-3' })).toBe('it is turn 1 by now');
  });

  it('has the source keep what any node lacks (I-DR-6)', () => {
    expect(neededFrom(state, reportsOf({ 'node-1': { lsn: '0/F0' }, 'node-2': { lsn: '0/90' } }))).toBeNull();
    const all = { 'node-1': { lsn: '0/F0' }, 'node-2': { lsn: '0/90' }, 'node-3': { lsn: '0/100' } };
    expect(neededFrom(state, reportsOf(all))).toBe('0/90');
  });
});

describe('a promotion (I-DR-4)', () => {
  it('is refused while the source takes writes, or a node cannot be asked, unless a person insists', () => {
    const state = following();
    const all = reportsOf({ 'node-1': {}, 'node-2': {}, 'node-3': {} });
    expect(objections(state, { view: view(), reports: all })).toHaveLength(1);
    expect(objections(state, { view: view({ takesWrites: false }), reports: all })).toEqual([]);
    expect(objections(state, { view: null, reports: reportsOf({ 'node-1': {}, 'node-2': {} }) })).toEqual([
      expect.stringContaining('node-3 does not answer'),
    ]);
    const input = {
      state,
      self: 'node-1',
      nowMs: 0,
      votersNow: new Set([1]),
      reports: all,
      sourceView: view(),
    };
    expect(planOf(input, { kind: 'promote-cluster', insist: false }).refusal).toContain(
      'takes writes right now',
    );
    const plan = planOf(input, { kind: 'promote-cluster', insist: true });
    expect(plan.refusal).toBeNull();
    expect(plan.summary).toContain('behind');
    expect(plan.warnings.join(' ')).toContain('takes writes right now');
  });

  it('makes the node with the most WAL primary', () => {
    const state = following();
    const heir = (...votes: SealVote[]) => chooseHeir(state, votes)?.node;
    expect(heir(vote('node-1', '0/90'), vote('node-2', '0/A0'))).toBe('node-2');
    expect(
      heir(
        vote('node-1', '0/A0', { promotable: false, whyNotPromotable: 'its PostgreSQL is not running' }),
        vote('node-2', '0/A0'),
      ),
    ).toBe('node-2');
    const policies = { 'node-1': { priority: 60, noFailover: true }, 'node-3': { priority: 80 } };
    for (const [name, policy] of Object.entries(policies))
      Object.assign(state.members[name]?.policy ?? {}, policy);
    expect(heir(...['node-1', 'node-2', 'node-3'].map((name) => vote(name, '0/A0')))).toBe('node-3');
    expect(heir(vote('node-1', '0/A0'), vote('node-2', '0/A0'), vote('node-3', '0/90'))).toBe('node-2');
    expect(heir({ ok: false, node: 'node-1', reason: 'silent' })).toBeUndefined();
    // Timeline 3 has arrived before anybody noted it.
    const history = [{ timeline: 3, parentId: 2, forkLsn: '0/98' }];
    const newer = vote('node-3', '0/9A', { position: { timeline: 3, lsn: '0/9A' }, history });
    expect(heir(vote('node-1', '0/F0'), newer)).toBe('node-3');
  });

  it('counts nodes without data as holding nothing, and every other silence as unknown', () => {
    const refusals: SealVote[] = [
      { ok: false, node: 'node-2', reason: 'it holds no data' },
      { ok: false, node: 'node-3', reason: 'silent' },
    ];
    expect(unheard([vote('node-1', '0/90'), ...refusals])).toEqual(['node-3 (silent)']);
  });

  it('asks for an epoch that nobody was ever asked for', () => {
    expect(nextEpoch(following({ voidEpoch: 4 }), reportsOf({ 'node-2': { sealedEpoch: 6 } }))).toBe(7);
    const state = following({ voidEpoch: 4 });
    expect(reason(state, { kind: 'stop-following', epoch: 4 })).toBe('epoch 4 was asked for already');
  });

  it('opens the first reign on a timeline above every one of the source’s, and ends the following for good (I-DR-7)', () => {
    const begun = accepted(following(), { kind: 'stop-following', epoch: 1 }).state ?? undefined;
    const history = [{ timeline: 3, parentId: 2, forkLsn: '0/98' }];
    const end: Command = { kind: 'end-following', epoch: 1, node: 'node-2', parentTimeline: 3, history };
    expect(reason(following(), end)).toBe('epoch 1 was not asked for');
    const promoted = begun && accepted(begun, end).state;
    expect(promoted?.reign).toEqual({ epoch: 1, primary: 'node-2', timeline: 4 });
    expect(promoted).not.toHaveProperty('source');
    expect(promoted?.timelines.at(-1)).toMatchObject({ id: 4, parentId: 3, status: 'allocated' });
    if (!promoted) return;
    for (const command of commands.slice(0, 4)) expect(reason(promoted, command)).not.toBeNull();
    expect(desireOf(promoted, 'node-2', 1)).toMatchObject({ kind: 'lead', timeline: 4 });
    expect(desireOf(promoted, 'node-1', 1)).toMatchObject({ kind: 'follow', upstream: { name: 'node-2' } });
  });

  it('that comes to nothing leaves a cluster that follows', () => {
    const begun = accepted(following(), { kind: 'stop-following', epoch: 1 }).state;
    const again = begun && accepted(begun, { kind: 'follow-again', epoch: 1 }).state;
    expect(again?.source).toMatchObject({ ending: null, voidEpoch: 1 });
    expect(again && desireOf(again, 'node-1', 1).kind).toBe('follow');
  });
});

describe('a standby cluster’s nodes', () => {
  it('are removed only while another one holds data, and never while they lead', () => {
    const state = following();
    const only = { ...state, members: { 'node-1': demoMember(1) } };
    const input = { state: only, self: 'node-1', nowMs: 0, votersNow: new Set([1]), reports: new Map() };
    expect(planOf(input, { kind: 'remove-node', node: 'node-1' }).refusal).toContain(
      'only node that holds data',
    );
    expect(reason(state, { kind: 'remove-member', node: 'node-1' })).toContain('streams from prod');
  });
});
