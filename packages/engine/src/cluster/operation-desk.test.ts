import { expect, it } from 'vitest';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import type { OperationRequest } from '../contract/operations.ts';
import { systemClock } from '../shared/clock.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { OperationDesk, type OperationDeskOptions } from './operation-desk.ts';

/** The desk of the decider; what it begins is written down, and ends in a failure at once. */
function openDesk() {
  let state: ClusterState = { ...demoState(), level: 11 };
  let count = 0;
  const submit = async (command: Command) => {
    if (command.kind !== 'begin-operation') return { ok: true };
    const failed: Operation = { ...command.operation, state: 'failed' };
    state = { ...state, pastOperations: [...state.pastOperations, failed] };
    return { ok: true };
  };
  const planInput = async () => {
    const nothing = { votersNow: new Set([1, 2, 3]), reports: new Map() };
    return { state, self: 'node-1', nowMs: 1000, ...nothing };
  };
  const desk = new OperationDesk({
    ...{ group: { state: () => state, leadership: () => ({ isLeader: true }) }, monitor: { planInput } },
    ...{ commander: { submit }, clock: systemClock, newId: () => `operation-${++count}` },
  } as unknown as OperationDeskOptions);
  const start = async (request: OperationRequest) => {
    const { hash: planHash } = await desk.plan(request);
    return (await desk.start({ request, planHash, requestedBy: 'anna', reason: '' })).operationId;
  };
  return { desk, start };
}

const configure = (cipherPass: string | null): OperationRequest => ({
  ...{ kind: 'configure-backup', repository: { type: 'posix', path: '/backups', encrypted: true } },
  secrets: cipherPass === null ? null : { cipherPass, s3Key: null, s3KeySecret: null },
  ...{ impact: null, schedules: null, retention: null, drills: null, archiveTimeoutSeconds: null },
});

it('secrets count for the operation that they were given with, and for another attempt at it', async () => {
  const { desk, start } = openDesk();
  const first = await start(configure('secret'));
  expect(desk.backupSecrets.of(first)).toMatchObject({ cipherPass: 'secret' });
  const again = await start({ kind: 'retry-operation', operation: first });
  const onceMore = await start({ kind: 'retry-operation', operation: again });
  expect(desk.backupSecrets.of(onceMore)).toMatchObject({ cipherPass: 'secret' });
  const another = await start(configure(null));
  expect(desk.backupSecrets.of(another)).toBeNull();
});
