import type { Operation, OperationStep } from '@quantadb/engine/contract/cluster-state';
import { expect, test } from 'vitest';
import type { DaemonClient } from '../client.ts';
import { follow, newestView, progressWriter } from './follow.ts';
import { parseAddress } from './target.ts';
import { UsageError } from './usage-error.ts';

function operation(state: Operation['state'], ...steps: OperationStep['state'][]): Operation {
  return {
    id: 'one',
    kind: 'remove-node',
    state,
    params: {},
    requestedBy: 'test',
    reason: '',
    steps: steps.map((each, index) => ({
      name: `Step ${index + 1}`,
      state: each,
      detail: '',
      startedAtMs: null,
      endedAtMs: null,
    })),
    error: null,
    startedAtMs: 0,
    endedAtMs: null,
  };
}

function telling(...views: Operation[]): DaemonClient {
  const parts = { operations: async () => views, status: async () => null };
  return parts as unknown as DaemonClient;
}

test('of several views the one that is furthest counts', () => {
  const behind = operation('running', 'done', 'pending');
  const ahead = operation('running', 'done', 'running');
  const ended = operation('done', 'done', 'done');
  expect(newestView([behind, ahead], 'one')).toBe(ahead);
  expect(newestView([ended, ahead, behind], 'one')).toBe(ended);
  expect(newestView([ended], 'another')).toBeUndefined();
});

test('the end is seen although the daemon that was asked first has left the cluster', async () => {
  const stale = telling(operation('running', 'done', 'running'));
  const members = telling(operation('done', 'done', 'done'));
  expect(await follow('one', [stale, members], null)).toMatchObject({ state: 'done' });
});

test('without a terminal each step is one plain line, told once', () => {
  const written: string[] = [];
  const show = progressWriter({ isTerminal: false, write: (text) => written.push(text) });
  show(operation('running', 'running', 'pending'), null);
  show(operation('running', 'done', 'running'), '1 MB of 2 MB (50 %)');
  show(operation('done', 'done', 'done'), null);
  expect(written).toEqual(['✓ Step 1\n', '✓ Step 2\n']);
});

test('on a terminal the running step is redrawn with what is cloned', () => {
  const written: string[] = [];
  const show = progressWriter({ isTerminal: true, write: (text) => written.push(text) });
  show(operation('running', 'done', 'running'), '1 MB of 2 MB (50 %)');
  expect(written.join('')).toBe('\r\u001b[K✓ Step 1\n… Step 2 1 MB of 2 MB (50 %)');
});

test('an address is host and port, and anything else is a mistake in the command', () => {
  expect(parseAddress('node-1.example:7101')).toEqual({ host: 'node-1.example', port: 7101 });
  expect(parseAddress('[::1]:7101')).toEqual({ host: '::1', port: 7101 });
  for (const text of ['node-1', 'node-1:', ':7101', 'node-1:0', 'node-1:70000', 'a:b:1']) {
    expect(() => parseAddress(text)).toThrow(UsageError);
  }
});
