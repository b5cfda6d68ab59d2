import { describe, expect, it } from 'vitest';
import { type BackupConfig, repositorySchema } from '../contract/backup.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import {
  endpointOf,
  type HostRepository,
  hostRepositoryOf,
  listeningOf,
  ownServerOf,
  serversOf,
  whyNotHost,
} from './host-way.ts';

const repository = repositorySchema.parse({
  type: 'host',
  host: 'witness-1',
  path: '/backups',
}) as HostRepository;

function at(member: Member, host: string): Member {
  const { raft, api, postgres } = member.addresses;
  const addresses = {
    raft: { ...raft, host },
    api: { ...api, host },
    postgres: postgres && { ...postgres, host },
  };
  return { ...member, addresses };
}

/** Three nodes with data and a witness, each on a machine of its own unless they share one. */
function state(isShared = false): ClusterState {
  const before = demoState();
  const witness: Member = { ...demoMember(4), name: 'witness-1', kind: 'witness' };
  const members = [...Object.values(before.members), witness].map((member) =>
    isShared ? member : at(member, `10.0.0.${member.raftId}`),
  );
  return { ...before, members: Object.fromEntries(members.map((member) => [member.name, member])) };
}

describe('a repository on a host', () => {
  it('may be whichever of several', () => {
    const posix = repositorySchema.parse({ type: 'posix', path: '/one' });
    expect(hostRepositoryOf(null)).toBeNull();
    expect(hostRepositoryOf({ repository: posix })).toBeNull();
    const own = { number: 2, repository } as NonNullable<BackupConfig['further']>[number];
    expect(hostRepositoryOf({ repository: posix, further: [own] })).toBe(repository);
  });

  it('I-REPOSITORY-1: is served to the nodes that have data, and the data of each node to that host alone', () => {
    const nodes = ['node-1', 'node-2', 'node-3'];
    expect(ownServerOf(state(), 'witness-1', repository)).toEqual({
      ...{ gives: 'repository', port: 8432, clients: nodes },
    });
    for (const node of nodes)
      expect(ownServerOf(state(), node, repository)).toEqual({
        gives: 'data',
        port: 8432,
        clients: ['witness-1'],
      });
    expect(ownServerOf(state(), 'spare-1', repository)).toBeNull();
  });

  it('on a node that has data is reached there without a server, and by the other nodes through one', () => {
    const own = { ...repository, host: 'node-2' };
    expect(ownServerOf(state(), 'node-2', own)).toMatchObject({
      gives: 'repository',
      clients: ['node-1', 'node-3'],
    });
    expect(ownServerOf(state(), 'node-1', own)).toMatchObject({ gives: 'data', clients: ['node-2'] });
    // The other witness has nothing to do with it.
    expect(ownServerOf(state(), 'witness-1', own)).toBeNull();
    expect(serversOf(state(), own).map(({ member }) => member.name)).toEqual(['node-2', 'node-1', 'node-3']);
  });

  it('is on one port everywhere; hosts that share an address have ports of their own that do not change', () => {
    const apart = state();
    const together = state(true);
    const port = (of: ClusterState, name: string) =>
      endpointOf(of, of.members[name] as Member, repository).port;
    expect(['witness-1', 'node-1', 'node-2'].map((name) => port(apart, name))).toEqual([8432, 8432, 8432]);
    expect(['witness-1', 'node-1', 'node-2'].map((name) => port(together, name))).toEqual([8432, 8433, 8434]);
    const { 'node-1': _gone, ...members } = together.members;
    expect(port({ ...together, members }, 'node-2')).toBe(8434);
  });

  it('I-REPOSITORY-3: other settings that are tried take nothing from those that are agreed on', () => {
    const given = (host: string, port = 8432, path = '/backups') => {
      const held = { ...repository, host, port, path };
      return { stanza: 'demo', repository: held } as unknown as BackupConfig;
    };
    const agreed = given('node-1');
    const of = (self: string, tried: BackupConfig, at = state()) =>
      listeningOf(at, self, { configs: [agreed, tried], guests: [] });
    // It moves to another host: where it is it stays, and lets the data be read from there too.
    expect(of('node-1', given('witness-1'))).toEqual([
      { port: 8432, stanza: 'demo', clients: ['node-2', 'node-3', 'witness-1'], holding: agreed },
    ]);
    expect(of('node-2', given('witness-1'))).toMatchObject([
      { clients: ['node-1', 'witness-1'], holding: null },
    ]);
    // Another directory of the same host, and another port.
    expect(of('node-1', given('node-1', 8432, '/other'))).toMatchObject([{ port: 8432, holding: agreed }]);
    expect(of('node-1', given('node-1', 9000)).map(({ port }) => port)).toEqual([8432, 9000]);
    expect(listeningOf(state(), 'node-1', { configs: [], guests: [] })).toEqual([]);
  });

  it('is on a member that is no router, whose port leaves room for those beside it', () => {
    expect(whyNotHost(state(), repository)).toBeNull();
    expect(whyNotHost(state(), { ...repository, host: 'spare-1' })).toMatch(/no member/);
    const routing = state();
    const witness = routing.members['witness-1'] as Member;
    const members = { ...routing.members, 'witness-1': { ...witness, kind: 'router' as const } };
    expect(whyNotHost({ members }, repository)).toMatch(/only routes/);
    expect(whyNotHost(state(true), { ...repository, port: 65_535 })).toMatch(/lower one/);
  });
});
