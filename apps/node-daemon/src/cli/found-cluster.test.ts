import { expect, it } from 'vitest';
import { followRequest, foundingRequest } from './found-cluster.ts';

const options = { cluster: 'shop', role: 'shop', database: undefined, password: undefined, networks: [] };

it('a cluster is founded with an application, whose password is drawn when none is given', () => {
  const request = foundingRequest({ ...options, networks: ['10.0.0.0/8'] });
  expect(request).toMatchObject({ cluster: 'shop', application: { role: 'shop', database: 'shop' } });
  expect(request.application?.password.length).toBeGreaterThan(20);
  expect(request.hba).toEqual(['host all all 10.0.0.0/8 scram-sha-256']);
  expect(foundingRequest({ ...options, role: undefined }).application).toBeNull();
});

it('what is not understood is named', () => {
  expect(() => foundingRequest({ ...options, cluster: 'My Shop' })).toThrow(/cluster/);
  expect(() => foundingRequest({ ...options, password: 'short' })).toThrow(/application.password/);
});

it('a cluster to follow is named by one of its nodes and where its daemon answers', () => {
  expect(followRequest('dr', 'node-1@10.0.0.1:7100')).toEqual({
    kind: 'create-standby-cluster',
    cluster: 'dr',
    source: { node: 'node-1', host: '10.0.0.1', port: 7100 },
  });
  expect(followRequest('dr', 'node-1@[fd00::1]:7100').source.host).toBe('fd00::1');
  expect(() => followRequest('dr', '10.0.0.1:7100')).toThrow(/no <node>@<host>:<port>/);
  expect(() => followRequest('No Name', 'node-1@10.0.0.1:7100')).toThrow(/No Name/);
});
