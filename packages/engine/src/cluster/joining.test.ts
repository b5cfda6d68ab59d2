import { expect, it } from 'vitest';
import { joinCluster } from './joining.ts';

type Host = Parameters<typeof joinCluster>[0];

function host(member: { clusterId: string } | null) {
  const done: string[] = [];
  const memories = [{ forget: async () => void done.push('promise forgotten') }];
  const group = {
    member: () => member,
    join: async ({ clusterId }: { clusterId: string }) => void done.push(`joined ${clusterId}`),
  };
  const database = { isInitialised: async () => false };
  const agent = { resume: () => undefined };
  const joining = { self: 'node-4', dataDir: '/data', group, agent, database, memories } as unknown as Host;
  return { joining, done };
}

const input = { clusterId: 'c2', clusterName: 'other', raftId: 4 };

it('I-SEAL-1: what a host promised to its former cluster does not count in the next one, however it left', async () => {
  const { joining, done } = host(null);
  expect(await joinCluster(joining, input)).toEqual({ ok: true });
  expect(done).toEqual(['promise forgotten', 'joined c2']);
});

it('I-SEAL-1: a member forgets nothing when it is told again to join', async () => {
  for (const clusterId of ['c1', 'c2']) {
    const { joining, done } = host({ clusterId });
    expect((await joinCluster(joining, input)).ok).toBe(clusterId === 'c2');
    expect(done).toEqual([]);
  }
});
