import { expect, test } from 'vitest';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { Commander } from './commander.ts';
import type { Command, CommandResult } from './commands.ts';
import { retried } from './operation-follow-up.ts';
import { OperationRunner, type StepHandler } from './operation-runner.ts';
import { pendingSteps } from './operation-steps.ts';
import { Peers } from './peer-protocol.ts';
import { apply } from './state.ts';

/** One log, and deciders that can end at any command of it: before it is in the log, or before its answer is heard. */
class Scene {
  state: ClusterState | null = demoState();
  /** How often each step of the operation did its work. */
  readonly work: string[] = [];
  readonly undone: string[] = [];
  private commands = 0;

  begin(kind: Operation['kind'] = 'rolling-restart'): void {
    const operation: Operation = {
      ...{ id: 'op-1', kind, state: 'running', params: {}, requestedBy: 'ann', reason: '' },
      ...{ steps: pendingSteps(kind), error: null, startedAtMs: 0, endedAtMs: null },
    };
    this.put({ kind: 'begin-operation', operation, revision: this.now().revision });
  }

  now(): ClusterState {
    if (!this.state) throw new Error('there is a state');
    return this.state;
  }

  put(command: Command): CommandResult {
    const applied = apply(this.state, command, 0);
    this.state = applied.state;
    return applied.result;
  }

  /** A decider's life: it ends by itself, or at its command number `dies`, which the log may have taken or not. */
  async live(handlers: StepHandler[], dies?: { at: number; taken: boolean }): Promise<void> {
    let isLeader = true;
    this.commands = 0;
    const leadership = () => ({ isLeader, leaderRaftId: null, term: 1, leaderSinceMs: isLeader ? 1 : null });
    const store = {
      state: () => this.state,
      leadership,
      onChange: () => () => undefined,
      submit: async (command: Command) => {
        this.commands += 1;
        if (dies?.at !== this.commands) return this.put(command);
        if (dies.taken) this.put(command);
        isLeader = false;
        throw new QuantaError('NOT_LEADER', 'this decider has ended');
      },
    };
    const peers = new Peers({ call: async () => Promise.reject(new Error('nobody is asked')) });
    const commander = new Commander(store, peers);
    const kind = this.now().operation?.kind ?? 'rolling-restart';
    const runner = new OperationRunner({
      commander: Object.assign(Object.create(commander), {
        submit: (command: Command) => store.submit(command),
      }),
      ...{ logger: silentLogger, state: () => this.state, leadership },
      handlers: { [kind]: handlers } as never,
      undo: {
        'add-node': [
          async () => {
            this.undone.push('taken out');
            return 'taken out';
          },
        ],
      },
    });
    for (let turn = 0; turn < 400 && isLeader && this.state?.operation; turn += 1) {
      runner.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  steps(count: number, broken?: number): StepHandler[] {
    return Array.from({ length: count }, (_, index) => async () => {
      this.work.push(`step ${index}`);
      if (index === broken) throw new QuantaError('REFUSED', 'the disk is full', { hint: 'Make room.' });
      return `did ${index}`;
    });
  }

  ended(): Operation {
    const past = this.now().pastOperations.at(-1);
    if (!past) throw new Error('no operation has ended');
    return past;
  }
}

const restartSteps = pendingSteps('rolling-restart').length;

test('I-OP-1: a decider that ends at any command leaves an operation that the next one completes, each step done at most once more', async () => {
  for (const taken of [false, true]) {
    for (let at = 1; at <= 2 * restartSteps + 1; at += 1) {
      const scene = new Scene();
      scene.begin();
      await scene.live(scene.steps(restartSteps), { at, taken });
      await scene.live(scene.steps(restartSteps));
      const ended = scene.ended();
      expect(ended.state, `command ${at}`).toBe('done');
      expect(ended.steps.every(({ state }) => state === 'done')).toBe(true);
      expect(scene.work.length).toBeLessThanOrEqual(restartSteps + 1);
    }
  }
});

test('I-OP-2: a step that failed is not tried again by the next decider, wherever the first one ended', async () => {
  for (const taken of [false, true]) {
    for (let at = 1; at <= 6; at += 1) {
      const scene = new Scene();
      scene.begin();
      await scene.live(scene.steps(restartSteps, 1), { at, taken });
      const failedBefore = scene.state?.operation === null;
      const tries = scene.work.length;
      await scene.live(scene.steps(restartSteps, 1));
      const ended = scene.ended();
      expect(ended).toMatchObject({ state: 'failed', error: 'the disk is full. Make room.' });
      expect(ended.steps.map(({ state }) => state).slice(0, 3)).toEqual(['done', 'failed', 'pending']);
      if (failedBefore) expect(scene.work.length).toBe(tries);
    }
  }
});

test('an answer that came too late does not make a failure of a step that is done', async () => {
  const scene = new Scene();
  scene.begin();
  // The second command says that the first step is done; the log takes it, and the answer is lost.
  await scene.live(scene.steps(restartSteps), { at: 2, taken: true });
  expect(scene.now().operation?.steps[0]).toMatchObject({ state: 'done', detail: 'did 0' });
  expect(scene.now().operation?.state).toBe('running');
});

test('a failed operation goes on from the step that failed, with what was done kept', async () => {
  const scene = new Scene();
  scene.begin();
  await scene.live(scene.steps(restartSteps, 2));
  const fresh = { id: 'op-2', requestedBy: 'bob', reason: 'disk is larger', startedAtMs: 5, epoch: 3 };
  const operation = retried(scene.ended(), fresh);
  expect(scene.put({ kind: 'begin-operation', operation, revision: scene.now().revision }).ok).toBe(true);
  scene.work.length = 0;
  await scene.live(scene.steps(restartSteps));
  expect(scene.work[0]).toBe('step 2');
  expect(scene.ended()).toMatchObject({ id: 'op-2', state: 'done', retryOf: 'op-1' });
});

test('only the newest failed operation can be gone on with', () => {
  const scene = new Scene();
  scene.begin();
  scene.put({ kind: 'end-operation', id: 'op-1', state: 'done', error: null });
  const fresh = { id: 'op-2', requestedBy: 'bob', reason: '', startedAtMs: 5, epoch: 3 };
  const operation = retried(scene.ended(), fresh);
  const begun = scene.put({ kind: 'begin-operation', operation, revision: scene.now().revision });
  expect(begun).toEqual({
    ok: false,
    reason: 'rolling-restart is done: there is nothing to go on with',
  });
});

test('I-OP-3: cancelling stops the step that runs, takes back what was begun, and leaves the rest undone', async () => {
  const scene = new Scene();
  scene.begin('add-node');
  const untilStopped: StepHandler = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      expect(scene.put({ kind: 'cancel-operation', id: 'op-1', by: 'ann' })).toEqual({ ok: true });
    });
  await scene.live([untilStopped, ...scene.steps(5)]);
  expect(scene.ended()).toMatchObject({ state: 'cancelled', error: 'cancelled by ann: taken out' });
  expect(scene.ended().steps.every(({ state }) => state === 'skipped')).toBe(true);
  expect(scene.work).toEqual([]);
});

test('a decider that ends while it cancels leaves the taking back to the next one', async () => {
  for (const taken of [false, true]) {
    const scene = new Scene();
    scene.begin('add-node');
    scene.put({ kind: 'cancel-operation', id: 'op-1', by: 'ann' });
    await scene.live(scene.steps(6), { at: 1, taken });
    await scene.live(scene.steps(6));
    expect(scene.ended().state).toBe('cancelled');
    expect(scene.undone.length).toBeGreaterThanOrEqual(1);
    expect(scene.work).toEqual([]);
  }
});

test('what has gone too far is not cancelled', async () => {
  const scene = new Scene();
  scene.begin('switchover');
  for (const step of [0, 1])
    scene.put({ kind: 'step-operation', id: 'op-1', step, change: { state: 'done', detail: '' } });
  scene.put({ kind: 'step-operation', id: 'op-1', step: 2, change: { state: 'running', detail: '' } });
  expect(scene.put({ kind: 'cancel-operation', id: 'op-1', by: 'ann' })).toEqual({
    ok: false,
    reason: 'switchover has gone too far to be cancelled',
  });
});

test('a switchover that failed before it stopped the primary goes on with the reign that stands now, later with its own', () => {
  const failedAt = (step: number): Operation => ({
    ...{ id: 'op-1', kind: 'switchover', state: 'failed', params: { to: 'node-2', epoch: 3 } },
    ...{ requestedBy: 'ann', reason: '', error: 'no', startedAtMs: 0, endedAtMs: 1 },
    steps: pendingSteps('switchover').map((each, index) => ({
      ...each,
      state: index < step ? 'done' : index === step ? 'failed' : 'pending',
    })),
  });
  const fresh = { id: 'op-2', requestedBy: 'bob', reason: '', startedAtMs: 5, epoch: 7 };
  expect(retried(failedAt(0), fresh).params).toEqual({ to: 'node-2', epoch: 7 });
  expect(retried(failedAt(3), fresh).params).toEqual({ to: 'node-2', epoch: 3 });
  expect(retried(failedAt(3), fresh).steps.map(({ state }) => state)).toEqual([
    ...['done', 'done', 'done', 'pending', 'pending'],
  ]);
});
