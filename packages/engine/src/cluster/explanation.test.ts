import { describe, expect, it } from 'vitest';
import { type ClusterState, failoverSchema } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { apply } from './state.ts';

function run(commands: Command[], from: ClusterState): ClusterState {
  return commands.reduce<ClusterState>((state, command) => {
    const applied = apply(state, command, 1);
    expect(applied.result, JSON.stringify(command)).toMatchObject({ ok: true });
    return applied.state ?? state;
  }, from);
}

const begin: Command = {
  kind: 'begin-failover',
  id: 'f1',
  failoverKind: 'failover',
  fromEpoch: 3,
  reason: 'silent',
  detection: { silentForMs: 1200, detail: 'silent' },
  preferred: null,
  supersedes: null,
};
const grant: Command = {
  kind: 'grant',
  failoverId: 'f1',
  epoch: 4,
  candidate: 'node-2',
  promote: true,
  parentTimeline: 2,
  history: [],
  votes: [],
  candidates: [],
};
const record: Command = {
  kind: 'record-timeline',
  epoch: 4,
  timeline: 3,
  forkLsn: '0/100',
  node: 'node-2',
  steps: [],
};

describe('I-EXPLAIN-1: a failover explains itself', () => {
  const network = {
    kind: 'cut-off' as const,
    verdict: 'Nobody hears node-1.',
    rows: [{ node: 'node-2', hears: ['node-3'], deafTo: ['node-1'] }],
  };
  const begun = { ...begin, detection: { ...begin.detection, network } };

  it('with who saw whom, the votes it took, the grant and what may be lost', () => {
    const { failover } = run([begun, grant, record], demoState());
    expect(failover).toMatchObject({
      detection: { network },
      neededVotes: 1,
      grant: { promote: true, timeline: 3, parentTimeline: 2, syncSet: { standbys: ['node-1', 'node-3'] } },
      dataLoss: { possible: false },
    });
  });

  it('says in the first event what was wrong with the network', () => {
    const { events } = run([begun], demoState());
    expect(events.at(-1)).toMatchObject({ kind: 'failover-started', message: 'silent Nobody hears node-1.' });
  });

  it('does not promise in async mode what only waiting for a standby could keep', () => {
    const young = demoState();
    const state = { ...young, durability: { ...young.durability, mode: 'async' as const } };
    const { failover } = run([begun, grant, record], state);
    expect(failover?.dataLoss).toEqual({
      possible: true,
      detail:
        'Commits waited for no standby: writes that node-1 acknowledged after 0/100 and had not sent are lost.',
    });
  });

  it('reads the entries of releases that knew less', () => {
    const { failover } = run([begin], demoState());
    const { neededVotes: _neededVotes, ...old } = failover ?? {};
    expect(failoverSchema.safeParse(old).success).toBe(true);
  });
});
