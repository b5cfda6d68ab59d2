import { usualPolicy } from '@quantadb/engine/contract/cluster-state';
import {
  type ClusterStatus,
  type HostStatus,
  type NodeStatus,
  systemStatusSchema,
} from '@quantadb/engine/contract/status';
import { expect, test } from 'vitest';
import { assembleStatus, withOthers } from './assemble-status.ts';

const secrets = { application: { role: 'app', database: 'app', password: 'a/b@c' } };
const localApis = new Set(['http://127.0.0.1:7101', 'http://127.0.0.1:7102']);

function node(name: string, index: number): NodeStatus {
  return {
    name,
    kind: 'data',
    role: index === 1 ? 'primary' : 'standby',
    state: index === 1 ? 'running' : 'streaming',
    detail: '',
    address: `127.0.0.1:550${index}`,
    postgres: null,
    api: `http://127.0.0.1:710${index}`,
    timeline: 1,
    lsn: '0/3000000',
    lagBytes: 0,
    lagMs: 0,
    sync: 'quorum',
    raft: 'voter',
    maintenance: false,
    zone: null,
    streamsFrom: null,
    policy: usualPolicy,
    notes: [],
    postgresVersion: '15.18',
    daemonVersion: '0.1.0',
    pendingRestart: [],
    troubles: [],
    clone: null,
  };
}

function cluster(revision: number, verdict: string): ClusterStatus {
  return {
    name: 'demo',
    health: 'healthy',
    verdict,
    primary: 'node-1',
    epoch: 1,
    timeline: 1,
    durability: 'quorum',
    revision,
    raft: { leader: 'node-1', term: 1 },
    connect: null,
    routers: [],
    router: {},
    nodes: [node('node-1', 1), node('node-2', 2)],
    noQuorum: null,
    network: null,
    advice: null,
    spare: null,
    scheduled: [],
    source: null,
    followers: [],
    failover: null,
    backups: null,
  };
}

function host(name: string, state: HostStatus['state'] = 'member'): HostStatus {
  return { name, state, cluster: state === 'member' ? 'demo' : null, api: 'http://127.0.0.1:7101' };
}

test('each cluster is told once, as the daemon with the newest state tells it', () => {
  const answers = [
    { host: host('node-1'), status: cluster(7, 'old') },
    { host: host('node-2'), status: cluster(9, 'new') },
    { host: host('node-3', 'unreachable'), status: null },
    { host: host('spare-1', 'available'), status: null },
  ];
  const status = assembleStatus({ answers, localApis, secrets, console: null });
  expect(systemStatusSchema.parse(status)).toEqual(status);
  expect(status.clusters.map((each) => each.verdict)).toEqual(['new']);
  expect(status.hosts.map((each) => each.state)).toEqual(['member', 'member', 'unreachable', 'available']);
});

test('whoever may read the secrets gets connection strings that any client can parse', () => {
  const answers = [{ host: host('node-1'), status: cluster(1, '') }];
  const [found] = assembleStatus({ answers, localApis, secrets, console: null }).clusters;
  expect(found?.connect).toBe(
    'postgres://app:a%2Fb%40c@127.0.0.1:5501,127.0.0.1:5502/app?target_session_attrs=read-write',
  );
  expect(found?.nodes[1]?.postgres).toBe('postgres://app:a%2Fb%40c@127.0.0.1:5502/app');
  const without = assembleStatus({ answers, localApis, secrets: null, console: null });
  expect(without.clusters[0]).toMatchObject({ connect: null });
});

test('a cluster that follows another one has nobody to write to', () => {
  const source = { name: 'prod', leader: 'node-1', isStreaming: true, state: 'open' as const };
  const following = { ...cluster(1, ''), source: { ...source, lagBytes: 0, lagMs: 0 } };
  const answers = [{ host: host('node-1'), status: following }];
  const [found] = assembleStatus({ answers, localApis, secrets, console: null }).clusters;
  expect(found?.connect).toMatch(/\?target_session_attrs=any$/);
});

test('the local password is not offered for somebody else’s cluster', () => {
  const answers = [{ host: host('node-1'), status: cluster(1, '') }];
  const status = assembleStatus({
    answers,
    localApis: new Set(['http://127.0.0.1:9999']),
    secrets,
    console: null,
  });
  expect(JSON.stringify(status)).not.toContain('postgres://');
});

test('what only the console knows stands below what this machine knows', () => {
  const own = { console: null, hosts: [host('node-1')], clusters: [cluster(9, 'own')] };
  const elsewhere = { ...cluster(3, 'elsewhere'), name: 'dr' };
  const others = {
    console: null,
    hosts: [host('node-1'), host('dr-1')],
    clusters: [cluster(8, 'older'), elsewhere],
  };
  const status = withOthers(own, others);
  expect(status.hosts.map(({ name }) => name)).toEqual(['node-1', 'dr-1']);
  expect(status.clusters.map(({ verdict }) => verdict)).toEqual(['own', 'elsewhere']);
});
