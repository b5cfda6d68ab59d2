import { describe, expect, it } from 'vitest';
import { Commander } from '../cluster/commander.ts';
import type { Command } from '../cluster/commands.ts';
import { type PeerCaller, Peers } from '../cluster/peer-protocol.ts';
import { apply } from '../cluster/state.ts';
import type { ConsensusStore } from '../cluster/store.ts';
import type { ClusterState, Operation, SyncSetting } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { systemClock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { emptySyncSet, syncSetProblem, targetSyncSet } from './quorum.ts';
import { SynchronousReplicationManager } from './synchronous-replication-manager.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore } as unknown as Logger;

/** A cluster whose log, primary and standbys are in this process; its decider can be replaced at any moment. */
class Scene {
  state: ClusterState;
  nowMs = 0;
  silent = new Set<string>();
  /** What PostgreSQL on the primary was told, in order. */
  readonly told: SyncSetting[] = [];
  readonly commands: Command[] = [];
  /** Called before each command reaches the log and before each call to the primary. */
  interrupt: () => void = () => undefined;
  manager: SynchronousReplicationManager;

  constructor(state: ClusterState) {
    this.state = state;
    this.manager = this.decider();
  }

  /** A new decider knows what the log says, and nothing else. */
  decider(): SynchronousReplicationManager {
    const clock = { ...systemClock, monotonicMs: () => this.nowMs, wallMs: () => this.nowMs };
    const caller: PeerCaller = { call: async (_peer, method, body) => this.answer(method, body) };
    const peers = new Peers(caller);
    const store = {
      state: () => this.state,
      leadership: () => ({ isLeader: true, leaderRaftId: 1, term: 1, leaderSinceMs: 0 }),
      submit: async (command: Command) => this.submit(command),
      onChange: () => () => undefined,
    } as ConsensusStore;
    const monitor = { reportOf: async () => this.report() } as unknown as ClusterMonitor;
    const commander = new Commander(store, peers);
    const { state, leadership } = store;
    return new SynchronousReplicationManager({ commander, peers, monitor, logger, clock, state, leadership });
  }

  submit(command: Command) {
    this.interrupt();
    const applied = apply(this.state, command, this.nowMs);
    if (applied.state && applied.result.ok) {
      this.state = applied.state;
      this.commands.push(command);
    }
    const problem = syncSetProblem(this.state.syncSet, this.state.reign.primary);
    if (problem) throw new Error(problem);
    return applied.result;
  }

  private answer(method: string, body: unknown): unknown {
    this.interrupt();
    const { setting, move } = body as { setting: SyncSetting; move: number };
    if (method !== 'confirm-sync-set') throw new Error(`unexpected ${method}`);
    expect(move).toBe(this.state.syncProgress.move);
    this.told.push(setting);
    const able = setting.standbys.filter((name) => !this.silent.has(name)).length;
    return able >= setting.count ? { ok: true } : { ok: false, reason: 'nobody answers' };
  }

  private report(): NodeReport {
    const lsn = `0/${(0x1000 + this.nowMs).toString(16).toUpperCase()}`;
    const standbys = Object.keys(this.state.members).map((name) => ({
      name,
      state: this.silent.has(name) ? 'disconnected' : 'streaming',
      sync: 'quorum',
      writeLsn: null,
      flushLsn: this.silent.has(name) ? '0/1' : lsn,
      replayLsn: null,
      lagBytes: 0,
      lagMs: 0,
    }));
    const { epoch } = this.state.reign;
    return { role: 'primary', state: 'running', epoch, lsn, standbys } as unknown as NodeReport;
  }

  async run(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.nowMs += 1000;
      this.manager.tick();
      for (let turn = 0; turn < 400; turn += 1) await Promise.resolve();
    }
  }

  words(kind: string): string[] {
    return this.state.events.filter((event) => event.kind === kind).map((event) => event.message);
  }
}

function cluster(nodes: number, inSet = nodes): ClusterState {
  const state = demoState();
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  state.members = Object.fromEntries(numbers.map((number) => [`node-${number}`, demoMember(number)]));
  const names = numbers.slice(1, inSet).map((number) => `node-${number}`);
  state.syncSet = inSet <= 1 ? emptySyncSet : targetSyncSet(names, Math.floor(inSet / 2));
  return state;
}

describe('SynchronousReplicationManager', () => {
  it('forms the set of a young cluster once its standbys keep up, and says in words what writes wait for', async () => {
    const scene = new Scene(cluster(3, 1));
    await scene.run(6);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3'], 1));
    expect(scene.state.syncProgress.unconfirmed).toEqual([]);
    expect(scene.words('sync-set')).toContain('Writes now wait for 1 of node-2, node-3.');
  });

  it('enlarges the set by nodes that were added, and shrinks it for one that is being removed', async () => {
    const scene = new Scene(cluster(5, 3));
    await scene.run(6);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3', 'node-4', 'node-5'], 2));
    scene.state.operation = { kind: 'remove-node', params: { node: 'node-3' } } as unknown as Operation;
    await scene.run(2);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-4', 'node-5'], 2));
    expect(scene.manager.waitingFor()).toBeNull();
  });

  it('I-SYNC-7: a decider that dies between any two steps is followed by one that finishes the move', async () => {
    for (let crashAfter = 1; crashAfter < 16; crashAfter += 1) {
      const scene = new Scene(cluster(5, 3));
      let actions = 0;
      scene.interrupt = () => {
        actions += 1;
        if (actions === crashAfter) throw new Error('the decider dies here');
      };
      await scene.run(6);
      scene.interrupt = () => undefined;
      scene.manager = scene.decider();
      await scene.run(8);
      expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3', 'node-4', 'node-5'], 2));
      expect(scene.state.syncProgress.unconfirmed).toEqual([]);
    }
  });

  it('a strict cluster keeps waiting for standbys that are gone', async () => {
    const scene = new Scene(cluster(3));
    await scene.run(3);
    scene.silent = new Set(['node-2', 'node-3']);
    await scene.run(60);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3'], 1));
    expect(scene.commands).toEqual([]);
  });

  it('a strict cluster does not let a member leave when writes would then wait for one that is gone', async () => {
    const scene = new Scene(cluster(3));
    await scene.run(3);
    scene.silent.add('node-3');
    await scene.run(5);
    scene.state.operation = { kind: 'remove-node', params: { node: 'node-2' } } as unknown as Operation;
    await scene.run(5);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3'], 1));
    expect(scene.manager.waitingFor()).toContain('node-3');
  });

  it('an available cluster drops a silent standby after its timeout, says so once, and takes it back when it keeps up', async () => {
    const state = cluster(3);
    state.durability = { mode: 'quorum', strictness: 'available', syncTimeoutMs: 5000 };
    const scene = new Scene(state);
    await scene.run(3);
    scene.silent.add('node-3');
    await scene.run(3);
    expect(scene.state.syncSet.standbys).toEqual(['node-2', 'node-3']);
    await scene.run(5);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2'], 1));
    scene.silent.add('node-2');
    await scene.run(8);
    expect(scene.state.syncSet).toEqual(emptySyncSet);
    expect(scene.words('sync-set').at(-1)).toContain('only the present primary may go on');
    expect(scene.state.events.filter((event) => event.kind === 'sync-standby-dropped')).toHaveLength(2);
    scene.silent.clear();
    await scene.run(15);
    expect(scene.state.syncSet).toEqual(targetSyncSet(['node-2', 'node-3'], 1));
  });

  it('stands still while an election is under way', async () => {
    const scene = new Scene(cluster(5, 3));
    scene.submit({
      kind: 'begin-failover',
      id: 'f1',
      failoverKind: 'failover',
      fromEpoch: 3,
      reason: 'silent',
      detection: { silentForMs: 1, detail: '' },
      preferred: null,
      supersedes: null,
    });
    const before = scene.state.revision;
    await scene.run(10);
    expect(scene.state.revision).toBe(before);
  });
});
